//! Has the page embedded anew when it was built anew.

fn main() {
    let mut out = std::io::stdout();
    let _ = std::io::Write::write_all(&mut out, b"cargo::rerun-if-changed=../../web/dist\n");
}
