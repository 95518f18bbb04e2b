//! The icon of the project: a boat that is an envelope. What is drawn stands in `drawing`; the files in `icons/` are made
//! of it by `make icons`, and a test holds them to it.

use iced::window;

/// The side of the window's icon, in pixels.
const SIDE: u32 = 64;
const WINDOW: &[u8] = include_bytes!("../icons/mailboat-64.png");

/// What desktops show for a window; none where the picture cannot be read, which the tests exclude.
pub(crate) fn window() -> Option<window::Icon> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(WINDOW)).read_info().ok()?;
    let mut rgba = vec![0; reader.output_buffer_size()?];
    reader.next_frame(&mut rgba).ok()?;
    window::icon::from_rgba(rgba, SIDE, SIDE).ok()
}

#[cfg(test)]
mod drawing;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_has_an_icon() {
        assert_eq!(window().unwrap().into_raw().1.width, SIDE);
    }
}
