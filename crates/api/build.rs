//! The page's files are part of the program: built anew when they change.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Only where it is there: cargo takes a path that is not for one that has changed, every time.
    if std::path::Path::new("../../page/dist").exists() {
        println!("cargo:rerun-if-changed=../../page/dist");
    }
}
