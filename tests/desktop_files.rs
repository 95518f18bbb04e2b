//! What desktops read about the programs: `config/desktop/`.

use std::path::Path;
use std::process::Command;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("config/desktop")
}

#[test]
fn the_desktop_files_are_valid() {
    let files: Vec<_> =
        std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path()).collect();
    let files: Vec<_> = files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "desktop"))
        .collect();
    assert_eq!(files.len(), 2);
    let said = Command::new("desktop-file-validate").args(&files).output().unwrap_or_else(|err| {
        panic!(
            "desktop-file-validate: {err}; this test needs it: apt-get install desktop-file-utils"
        )
    });
    let words = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success() && words.is_empty(), "{words}");
}

#[test]
fn links_of_ours_are_handed_to_the_window() {
    let entry = std::fs::read_to_string(folder().join("mailboat.desktop")).unwrap();
    for line in
        ["Exec=mailboat-gui %u", "MimeType=x-scheme-handler/mailboat;", "StartupWMClass=mailboat"]
    {
        assert!(entry.lines().any(|one| one == line), "{line}");
    }
}
