// The real server, started with the test pattern as its camera, or with simulated cameras.

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export type CameraConfig = {
  readonly id: string;
  readonly name: string;
  /** The test pattern without it; `rpicam:0` is the first simulated camera. */
  readonly source?: string;
  /** 640 × 480 at 20 without it. */
  readonly size?: { readonly width: number; readonly height: number; readonly framerate: number };
  /** What a simulated camera sees, as one JPEG, instead of what it draws. */
  readonly sees?: Buffer;
};

/** Of the administrator `admin`, where a server has one. */
export const PASSWORD = 'correct horse battery';

export type ServerConfig = {
  readonly maxViewers?: number;
  /** Like `/cam`. */
  readonly basePath?: string;
  /** Nobody is let in without login, and there is no account yet. */
  readonly login?: boolean;
  /** The same, and there is `admin`. */
  readonly admin?: boolean;
  readonly cameras?: readonly CameraConfig[];
};

const START_TIMEOUT_MS = 15_000;

export class Server {
  private child: ChildProcess | null = null;
  private port = 0;
  private said: string[] = [];

  private constructor(
    private readonly dir: string,
    private readonly config: ServerConfig,
  ) {}

  static async start(config: ServerConfig = {}): Promise<Server> {
    const server = new Server(await mkdtemp(join(tmpdir(), 'cctv-e2e-')), config);
    await server.restart();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}${this.config.basePath ?? ''}/`;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Starts on a free port, later again on the same one. */
  async restart(): Promise<void> {
    const file = join(this.dir, 'config.toml');
    await writeFile(file, toml(this.config, this.port, await this.programs()));
    const child = spawn(binary('my-cctv-server', process.env.CCTV_SERVER), ['serve', '--config', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: this.dir,
      env: {
        ...process.env,
        CAMERA_SIM_CAMERAS: '16',
        CAMERA_SIM_START_MS: '50',
        CAMERA_SIM_STOP_MS: '50',
        CAMERA_SIM_LOCK_DIR: join(this.dir, 'locks'),
        CAMERA_SIM_LOG: join(this.dir, 'sim.log'),
        CAMERA_SIM_CONTROL: join(this.dir, 'control'),
        ...(this.config.admin === true ? { ADMIN_PASSWORD: PASSWORD } : {}),
      },
    });
    this.child = child;
    this.said = [];
    this.port = await listening(child, this.said);
  }

  /** Camera programs of those cameras that see something of their own. */
  private async programs(): Promise<Map<string, string>> {
    const programs = new Map<string, string>();
    for (const { id, sees } of this.config.cameras ?? []) {
      if (sees === undefined) {
        continue;
      }
      const frames = join(this.dir, `sees-${id}`);
      await mkdir(frames, { recursive: true });
      await writeFile(join(frames, '1.jpg'), sees);
      const program = join(this.dir, `camera-${id}`);
      const script = `#!/bin/sh\nCAMERA_SIM_FRAMES='${frames}' exec '${binary('camera-sim')}' "$@"\n`;
      await writeFile(program, script, { mode: 0o755 });
      programs.set(id, program);
    }
    return programs;
  }

  /** The link from the log that makes the first administrator. */
  setupLink(): string | undefined {
    const lines = this.said.map((line) => /http:[^" ]*[/]setup#code=[\w-]+/.exec(line)?.[0]);
    return lines.find((link) => link !== undefined);
  }

  /** The configuration file; a change of it is written first. */
  async file(change: (text: string) => string = (text) => text): Promise<string> {
    const path = join(this.dir, 'config.toml');
    const text = await readFile(path, 'utf8');
    const next = change(text);
    if (next !== text) {
      await writeFile(path, next);
    }
    return next;
  }

  /** What the simulated cameras were started with each time, as one line. */
  async simArguments(): Promise<string[]> {
    const log = await readFile(join(this.dir, 'sim.log'), 'utf8').catch(() => '');
    return log.split('\n').filter((line) => line !== '').map((line) => line.split('\t').slice(1).join(' '));
  }

  /** Has simulated cameras fail while they run; camera-sim's README has the words. */
  async fault(line: string): Promise<void> {
    await appendFile(join(this.dir, 'control'), `${line}\n`);
  }

  /** As a power cut would do it. */
  async kill(): Promise<void> {
    const child = this.child;
    this.child = null;
    if (child?.exitCode !== null) {
      return;
    }
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** How many watch, as the server counts them. */
  async viewers(): Promise<number> {
    const response = await fetch(new URL('api/v1/cameras', this.url));
    const body = (await response.json()) as { viewers: number };
    return body.viewers;
  }

  /** Takes a viewer's place until the returned function is called. */
  async watch(): Promise<() => void> {
    const hangUp = new AbortController();
    const response = await fetch(new URL('stream', this.url), { signal: hangUp.signal });
    if (response.status !== 200) {
      throw new Error(`no place for the viewer of the test: ${response.status}`);
    }
    // What nobody reads is closed by the server, and what nobody holds is cancelled with the garbage.
    void response.body?.pipeTo(new WritableStream()).catch(() => undefined);
    return () => { hangUp.abort(); };
  }
}

function binary(name: string, given?: string): string {
  const built = ['release', 'debug'].map((profile) => join(import.meta.dirname, `../../target/${profile}/${name}`));
  const found = given ?? built.find((path) => existsSync(path));
  if (found === undefined) {
    throw new Error(`no ${name} to test with: build it with cargo`);
  }
  return found;
}

function toml(config: ServerConfig, port: number, programs: ReadonlyMap<string, string>): string {
  const cameras = config.cameras ?? [{ id: 'main', name: 'Front door' }];
  const lines = ['[auth]', `enabled = ${config.login === true || config.admin === true}`, '[server]', 'listen = "127.0.0.1"', `port = ${port}`];
  if (config.maxViewers !== undefined) {
    lines.push(`max_viewers = ${config.maxViewers}`);
  }
  if (config.basePath !== undefined) {
    lines.push(`base_path = "${config.basePath}"`);
  }
  for (const { id, name, source = 'test', size } of cameras) {
    lines.push('[[camera]]', `id = "${id}"`, `name = '${name}'`, `source = "${source}"`);
    if (source.startsWith('rpicam')) {
      lines.push(`program = "${programs.get(id) ?? binary('camera-sim')}"`);
    }
    if (size !== undefined) {
      lines.push(...Object.entries(size).map(([key, value]) => `${key} = ${value}`));
    }
  }
  return lines.join('\n') + '\n';
}

/** Reads the log until the line that says `listening`, and on afterwards, so that the pipe never fills up. */
function listening(child: ChildProcess, said: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => { reject(new Error(`${why}:\n${said.join('\n')}`)); };
    const timer = setTimeout(() => { fail('the server does not listen'); }, START_TIMEOUT_MS);
    child.once('error', (error) => { fail(error.message); });
    child.once('exit', (code) => { fail(`the server ended with ${String(code)}`); });
    if (child.stderr === null) {
      fail('the server has no log');
      return;
    }
    createInterface({ input: child.stderr }).on('line', (line) => {
      said.push(line);
      const port = line.includes('"listening"') ? /127\.0\.0\.1:(\d+)/.exec(line)?.[1] : undefined;
      if (port !== undefined) {
        clearTimeout(timer);
        resolve(Number(port));
      }
    });
  });
}
