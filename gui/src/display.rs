//! Whether there is a display to draw on. iced panics where there is none, so it is asked for before.

use config::paths::Env;

/// # Errors
/// Says what is missing, as the beginning of a sentence.
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) fn check(env: &Env) -> Result<(), String> {
    use std::{os::unix::net::UnixStream, path::Path};

    // The same order as winit has: who sets WAYLAND_DISPLAY means it.
    if env.get("WAYLAND_SOCKET").is_some() {
        return Ok(());
    }
    if let Some(name) = env.get("WAYLAND_DISPLAY") {
        let socket = Path::new(env.get("XDG_RUNTIME_DIR").unwrap_or("/")).join(name);
        let found = UnixStream::connect(&socket);
        return found
            .map(|_| ())
            .map_err(|err| format!("{} (WAYLAND_DISPLAY): {err}", socket.display()));
    }
    let name = env
        .get("DISPLAY")
        .ok_or("there is no display here (neither WAYLAND_DISPLAY nor DISPLAY is set)")?;
    x11rb::connect(Some(name))
        .map(|_| ())
        .map_err(|err| format!("the display {name} (DISPLAY): {err}"))
}

/// Elsewhere there always is one.
#[cfg(not(all(unix, not(target_os = "macos"))))]
pub(crate) fn check(_env: &Env) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
#[cfg(all(unix, not(target_os = "macos")))]
mod tests {
    use super::*;

    fn why(pairs: &[(&str, &str)]) -> String {
        check(&pairs.iter().copied().collect()).unwrap_err()
    }

    #[test]
    fn what_is_missing_is_said() {
        assert!(why(&[]).contains("neither WAYLAND_DISPLAY nor DISPLAY"));
        assert!(why(&[("DISPLAY", "")]).contains("neither WAYLAND_DISPLAY nor DISPLAY"));
        let gone = [
            ("WAYLAND_DISPLAY", "wayland-7"),
            ("XDG_RUNTIME_DIR", "/nonexistent"),
            ("DISPLAY", ":0"),
        ];
        assert!(why(&gone).starts_with("/nonexistent/wayland-7"), "{}", why(&gone));
        assert!(why(&[("DISPLAY", ":987654")]).starts_with("the display :987654"));
        assert!(why(&[("DISPLAY", "no display")]).starts_with("the display no display"));
    }
}
