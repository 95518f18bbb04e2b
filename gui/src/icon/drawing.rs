//! The drawing, once as SVG and once as pixels.

use std::{fmt::Write, fs, path::PathBuf};

use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Transform};

use crate::kit;

/// The side of the drawing's own grid.
const GRID: f32 = 128.0;
/// Sides of the pictures, in pixels.
const SIDES: [u32; 7] = [16, 24, 32, 48, 64, 128, 256];

/// From one point to the next.
enum Step {
    To(f32, f32),
    /// Through a control point.
    Bend(f32, f32, f32, f32),
}
use Step::{Bend, To};

/// A filled shape: its colour, where it begins, its steps.
type Shape = (u32, (f32, f32), &'static [Step]);

/// From the back to the front.
const SHAPES: [Shape; 6] = [
    // The sea, with round corners.
    (
        0x0A6A86,
        (30.0, 4.0),
        &[
            To(98.0, 4.0),
            Bend(124.0, 4.0, 124.0, 30.0),
            To(124.0, 98.0),
            Bend(124.0, 124.0, 98.0, 124.0),
            To(30.0, 124.0),
            Bend(4.0, 124.0, 4.0, 98.0),
            To(4.0, 30.0),
            Bend(4.0, 4.0, 30.0, 4.0),
        ],
    ),
    // The mainsail: the envelope's flap, open.
    (0xFFFFFF, (60.0, 18.0), &[To(60.0, 62.0), To(26.0, 62.0), Bend(50.0, 46.0, 60.0, 18.0)]),
    // The jib.
    (0xBFE0EA, (67.0, 26.0), &[Bend(74.0, 48.0, 98.0, 62.0), To(67.0, 62.0)]),
    // The hull: the envelope, its corner folded.
    (0xFFFFFF, (16.0, 68.0), &[To(112.0, 68.0), To(94.0, 100.0), To(34.0, 100.0)]),
    (
        0x0A6A86,
        (16.0, 68.0),
        &[To(27.0, 68.0), To(64.0, 86.0), To(101.0, 68.0), To(112.0, 68.0), To(64.0, 92.5)],
    ),
    // A wave.
    (
        0x58B7D3,
        (18.0, 106.0),
        &[
            Bend(29.5, 98.0, 41.0, 106.0),
            Bend(52.5, 114.0, 64.0, 106.0),
            Bend(75.5, 98.0, 87.0, 106.0),
            Bend(98.5, 114.0, 110.0, 106.0),
            To(110.0, 112.0),
            Bend(98.5, 120.0, 87.0, 112.0),
            Bend(75.5, 104.0, 64.0, 112.0),
            Bend(52.5, 120.0, 41.0, 112.0),
            Bend(29.5, 104.0, 18.0, 112.0),
        ],
    ),
];

fn svg() -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {GRID} {GRID}\">\n<title>Mailboat</title>\n"
    );
    for (colour, (x, y), steps) in &SHAPES {
        let _ = write!(svg, "<path fill=\"#{colour:06X}\" d=\"M{x} {y}");
        for step in *steps {
            let _ = match step {
                To(x, y) => write!(svg, " L{x} {y}"),
                Bend(cx, cy, x, y) => write!(svg, " Q{cx} {cy} {x} {y}"),
            };
        }
        svg.push_str(" Z\"/>\n");
    }
    svg + "</svg>\n"
}

/// Red, green, blue and what shines through, row by row.
fn pixels(side: u32) -> Vec<u8> {
    let mut map = Pixmap::new(side, side).unwrap();
    let scale = side as f32 / GRID;
    for (colour, (x, y), steps) in &SHAPES {
        let mut path = PathBuilder::new();
        path.move_to(*x, *y);
        for step in *steps {
            match step {
                To(x, y) => path.line_to(*x, *y),
                Bend(cx, cy, x, y) => path.quad_to(*cx, *cy, *x, *y),
            }
        }
        path.close();
        let [_, r, g, b] = colour.to_be_bytes();
        let mut paint = Paint { anti_alias: true, ..Paint::default() };
        paint.set_color(Color::from_rgba8(r, g, b, 255));
        let path = path.finish().unwrap();
        map.fill_path(&path, &paint, FillRule::Winding, Transform::from_scale(scale, scale), None);
    }
    let straight = |pixel: &tiny_skia::PremultipliedColorU8| {
        let pixel = pixel.demultiply();
        [pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()]
    };
    map.pixels().iter().flat_map(straight).collect()
}

/// `MAILBOAT_SNAPSHOTS=write` (`make icons`) writes them.
#[test]
fn the_icons_in_the_tree_are_what_is_drawn() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/icons"));
    let writes = std::env::var_os("MAILBOAT_SNAPSHOTS").is_some_and(|word| word == "write");
    if writes {
        fs::write(folder.join("mailboat.svg"), svg()).unwrap();
    }
    assert_eq!(fs::read_to_string(folder.join("mailboat.svg")).unwrap(), svg(), "make icons");
    for side in SIDES {
        let path = folder.join(format!("mailboat-{side}.png"));
        if writes {
            kit::write(&path, side, side, &pixels(side));
        }
        assert_eq!(kit::read(&path), Some((side, side, pixels(side))), "{side}: make icons");
    }
}
