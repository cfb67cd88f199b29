//! Programs that people point at a camera.
