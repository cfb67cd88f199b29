/* A USB camera at /dev/video9 for whatever is started with this library in LD_PRELOAD.
 *
 * It answers open and ioctl as a UVC camera of one size and one format does. The pages of its buffers lie in the
 * descriptor itself, so mmap, munmap and close are the kernel's own. The file named by SIM_V4L2_MODE says how it is,
 * at each open and each frame: mjpeg, yuyv, busy, denied, missing, metadata (no capture device) or gone.
 * SIM_V4L2_FRAMES is a file of JPEGs, one after the other.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 320, HEIGHT = 240, BUFFERS = 4, BUFFER_BYTES = 1 << 18 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int device = -1;
static unsigned char *memory;
static unsigned queue[BUFFERS], queued;
static unsigned frame;
static unsigned char *jpegs;
static size_t jpegs_bytes;

static int is(const char *mode)
{
    char word[32] = "";
    FILE *file = fopen(getenv("SIM_V4L2_MODE"), "re");
    if (file) {
        if (fscanf(file, "%31s", word) != 1)
            word[0] = 0;
        fclose(file);
    }
    return strcmp(word, mode) == 0;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

static int open_device(void)
{
    if (is("missing") || is("gone"))
        return fail(ENOENT);
    if (is("denied"))
        return fail(EACCES);
    FILE *file = fopen(getenv("SIM_V4L2_FRAMES"), "re");
    if (file) {
        free(jpegs);
        jpegs = malloc(1 << 22);
        jpegs_bytes = fread(jpegs, 1, 1 << 22, file);
        fclose(file);
    }
    queued = frame = 0;
    return device = memfd_create("camera", MFD_CLOEXEC);
}

/* The next JPEG of the file; where it begins is where the last one ended. */
static size_t next_jpeg(unsigned char *to)
{
    static size_t at;
    if (at + 4 > jpegs_bytes)
        at = 0;
    static const unsigned char border[] = {0xff, 0xd9, 0xff, 0xd8};
    unsigned char *end = memmem(jpegs + at, jpegs_bytes - at, border, sizeof border);
    size_t bytes = end ? (size_t)(end - jpegs) + 2 - at : jpegs_bytes - at;
    memcpy(to, jpegs + at, bytes);
    at += bytes;
    return bytes;
}

static size_t draw(unsigned char *to)
{
    for (unsigned n = 0; n < WIDTH * HEIGHT; n++) {
        to[2 * n] = (unsigned char)(n % WIDTH + 4 * frame);
        to[2 * n + 1] = n % 2 ? 90 : 160;
    }
    return WIDTH * HEIGHT * 2;
}

static int dequeue(struct v4l2_buffer *buffer)
{
    struct timespec pause = {.tv_nsec = 50 * 1000 * 1000}, now;
    do {
        nanosleep(&pause, NULL);
        if (is("gone"))
            return fail(ENODEV);
    } while (queued == 0);
    pthread_mutex_lock(&lock);
    buffer->index = queue[0];
    memmove(queue, queue + 1, --queued * sizeof queue[0]);
    pthread_mutex_unlock(&lock);
    unsigned char *to = memory + buffer->index * BUFFER_BYTES;
    buffer->bytesused = (unsigned)(is("yuyv") ? draw(to) : next_jpeg(to));
    buffer->length = BUFFER_BYTES;
    buffer->sequence = frame++;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | V4L2_BUF_FLAG_DONE;
    buffer->field = V4L2_FIELD_NONE;
    clock_gettime(CLOCK_MONOTONIC, &now);
    buffer->timestamp.tv_sec = now.tv_sec;
    buffer->timestamp.tv_usec = now.tv_nsec / 1000;
    return 0;
}

static int answer(unsigned long request, void *argument)
{
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *c = argument;
        memset(c, 0, sizeof *c);
        strcpy((char *)c->driver, "uvcvideo");
        strcpy((char *)c->card, "Simulated Camera");
        c->capabilities = is("metadata") ? V4L2_CAP_META_CAPTURE : V4L2_CAP_VIDEO_CAPTURE;
        c->capabilities |= V4L2_CAP_STREAMING;
        return 0;
    }
    case VIDIOC_G_INPUT:
        *(int *)argument = 0;
        return 0;
    case VIDIOC_S_INPUT:
        return *(int *)argument == 0 ? 0 : fail(EINVAL);
    case VIDIOC_ENUMINPUT: {
        struct v4l2_input *input = argument;
        if (input->index != 0)
            return fail(EINVAL);
        input->type = V4L2_INPUT_TYPE_CAMERA;
        input->std = 0;
        return 0;
    }
    case VIDIOC_G_FMT:
    case VIDIOC_S_FMT: {
        struct v4l2_format *f = argument;
        if (is("busy"))
            return fail(EBUSY);
        int raw = is("yuyv");
        f->fmt.pix.width = WIDTH;
        f->fmt.pix.height = HEIGHT;
        f->fmt.pix.pixelformat = raw ? V4L2_PIX_FMT_YUYV : V4L2_PIX_FMT_MJPEG;
        f->fmt.pix.field = V4L2_FIELD_NONE;
        f->fmt.pix.bytesperline = raw ? WIDTH * 2 : 0;
        f->fmt.pix.sizeimage = raw ? WIDTH * HEIGHT * 2 : BUFFER_BYTES;
        return 0;
    }
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
        struct v4l2_streamparm *p = argument;
        p->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        p->parm.capture.timeperframe.numerator = 1;
        p->parm.capture.timeperframe.denominator = 20;
        return 0;
    }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *r = argument;
        r->count = BUFFERS;
        if (ftruncate(device, BUFFERS * BUFFER_BYTES) < 0)
            return -1;
        memory = mmap(NULL, BUFFERS * BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
        return memory == MAP_FAILED ? -1 : 0;
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *b = argument;
        if (b->index >= BUFFERS)
            return fail(EINVAL);
        b->length = BUFFER_BYTES;
        b->m.offset = b->index * BUFFER_BYTES;
        return 0;
    }
    case VIDIOC_QBUF: {
        struct v4l2_buffer *b = argument;
        if (b->index >= BUFFERS || queued == BUFFERS)
            return fail(EINVAL);
        pthread_mutex_lock(&lock);
        queue[queued++] = b->index;
        pthread_mutex_unlock(&lock);
        return 0;
    }
    case VIDIOC_DQBUF:
        return dequeue(argument);
    case VIDIOC_STREAMON:
        return 0;
    case VIDIOC_STREAMOFF:
        queued = 0;
        return 0;
    default:
        return fail(ENOTTY);
    }
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (fd == device && fd >= 0)
        /* Some programs hand the number over as an int. */
        return answer((unsigned int)request, argument);
    int (*next)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
    return next(fd, request, argument);
}

static int open_any(const char *name, const char *path, int flags, va_list list)
{
    if (strcmp(path, "/dev/video9") == 0)
        return open_device();
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
    int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
    return next(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    int fd = open_any("open", path, flags, list);
    va_end(list);
    return fd;
}

int open64(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    int fd = open_any("open64", path, flags, list);
    va_end(list);
    return fd;
}
