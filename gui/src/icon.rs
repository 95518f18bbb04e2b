//! The icon of the project: a boat that is an envelope. What is drawn stands in `drawing`; the files in `icons/` are made
//! of it by `make icons`, and a test holds them to it.

use iced::window;

const WINDOW: &[u8] = include_bytes!("../icons/mailboat-64.png");
/// For trays.
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) const SMALL: &[u8] = include_bytes!("../icons/mailboat-24.png");
/// For trays on dense screens.
#[cfg(all(unix, not(target_os = "macos")))]
pub(crate) const LARGE: &[u8] = include_bytes!("../icons/mailboat-48.png");

/// What desktops show for a window; none where the picture cannot be read, which the tests exclude.
pub(crate) fn window() -> Option<window::Icon> {
    let (side, rgba) = rgba(WINDOW)?;
    window::icon::from_rgba(rgba, side, side).ok()
}

/// A picture's side in pixels, and the pixels: four bytes each.
pub(crate) fn rgba(png: &[u8]) -> Option<(u32, Vec<u8>)> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().ok()?;
    let mut rgba = vec![0; reader.output_buffer_size()?];
    let frame = reader.next_frame(&mut rgba).ok()?;
    (frame.color_type == png::ColorType::Rgba).then_some((frame.width, rgba))
}

#[cfg(test)]
mod drawing;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_has_an_icon() {
        assert_eq!(window().unwrap().into_raw().1.width, 64);
    }
}
