//! How screens are tested without a display: the interface in memory, with the bundled fonts and the tests' own.
//!
//! `Ui` is what `iced_test::Simulator` is, with three things more: the Tab order, a scale factor, and pictures that have
//! to lie in the tree. A picture that is missing fails the test; `MAILBOAT_SNAPSHOTS=write` writes it, and git shows it.

pub(crate) mod scene;

use std::{fs, io::BufWriter, path::PathBuf, time::Instant};

use iced::{
    Element, Event, Length, Pixels, Point, Settings, Size, Theme,
    advanced::{clipboard, mouse, renderer::Headless, widget::Operation},
    event, keyboard,
    widget::container,
    window,
};
use iced_test::{
    Selector, core as iced_core,
    core::widget::operation::Outcome,
    runtime::{
        UserInterface,
        user_interface::{Cache, State},
    },
    selector::Bounded,
    simulator as sim,
};

use crate::{theme, widget::focus};

/// Fonts for scripts that the bundled face lacks; on a person's machine the system has them.
const FONTS: [&[u8]; 3] = [
    include_bytes!("../fonts/test/NotoSansArabic-Regular.ttf"),
    include_bytes!("../fonts/test/NotoSansHebrew-Regular.ttf"),
    include_bytes!("../fonts/test/NotoSansCJK-Subset.otf"),
];

/// The size of the portal as it opens.
pub(crate) const PORTAL: Size = Size::new(360.0, 640.0);
/// The portal with a conversation beside the list.
pub(crate) const WIDE: Size = Size::new(1100.0, 700.0);

/// One view of one state. After an `update` it is made anew.
pub(crate) struct Ui<'a, Message> {
    raw: UserInterface<'a, Message, Theme, iced::Renderer>,
    renderer: iced::Renderer,
    cursor: mouse::Cursor,
    size: Size,
    scale: f32,
    messages: Vec<Message>,
}

/// A view at the size of the portal.
pub(crate) fn simulator<'a, Message: 'a>(view: impl Into<Element<'a, Message>>) -> Ui<'a, Message> {
    Ui::new(PORTAL, 1.0, view)
}

/// What is left of a view when another takes its place: where the pointer is, and what the widgets remember.
pub(crate) struct Kept {
    cache: Cache,
    renderer: iced::Renderer,
    cursor: mouse::Cursor,
}

impl Kept {
    /// A window in which nothing was shown yet.
    pub(crate) fn nothing() -> Self {
        let settings = Settings {
            default_font: theme::BODY,
            default_text_size: Pixels(theme::size::BODY),
            ..Settings::default()
        };
        load_fonts();
        let made =
            iced_test::futures::futures::executor::block_on(<iced::Renderer as Headless>::new(
                settings.default_font,
                settings.default_text_size,
                Some("tiny-skia"),
            ));
        let cursor = mouse::Cursor::Unavailable;
        Self { cache: Cache::default(), renderer: made.unwrap(), cursor }
    }

    /// The view that comes next in the same window, as after an `update`.
    pub(crate) fn show<'a, Message: 'a>(
        self,
        size: Size,
        scale: f32,
        view: impl Into<Element<'a, Message>>,
    ) -> Ui<'a, Message> {
        let Self { cache, mut renderer, cursor } = self;
        let root = container(view)
            .id(scope())
            .width(Length::Fill)
            .height(Length::Fill)
            .style(theme::styles::ground);
        let raw = UserInterface::build(root, size, cache, &mut renderer);
        let mut ui = Ui { raw, renderer, cursor, size, scale, messages: Vec::new() };
        ui.redraw();
        ui
    }
}

impl<'a, Message: 'a> Ui<'a, Message> {
    /// A view in a window of `size` logical pixels.
    pub(crate) fn new(size: Size, scale: f32, view: impl Into<Element<'a, Message>>) -> Self {
        Kept::nothing().show(size, scale, view)
    }

    /// Finds what is named, or says this text.
    pub(crate) fn find<S>(&mut self, what: S) -> Option<S::Output>
    where
        S: Selector + Send,
        S::Output: Clone + Send,
    {
        let mut operation = what.find();
        self.raw
            .operate(&self.renderer, &mut iced_core::widget::operation::black_box(&mut operation));
        match operation.finish() {
            Outcome::Some(found) => found,
            _ => None,
        }
    }

    /// Clicks it; `None` where it is not to be seen.
    pub(crate) fn click<S>(&mut self, what: S) -> Option<()>
    where
        S: Selector + Send,
        S::Output: Bounded + Clone + Send + Sync + 'static,
    {
        let at = self.find(what)?.visible_bounds()?.center();
        self.click_at(at);
        Some(())
    }

    /// Clicks there.
    pub(crate) fn click_at(&mut self, at: Point) {
        self.cursor = mouse::Cursor::Available(at);
        self.simulate(sim::click());
    }

    /// Presses a key.
    pub(crate) fn tap_key(&mut self, key: impl Into<keyboard::Key>) {
        self.simulate(sim::tap_key(key, None));
    }

    /// Types.
    pub(crate) fn typewrite(&mut self, text: &str) {
        self.simulate(sim::typewrite(text));
    }

    /// Anything else that happens.
    pub(crate) fn simulate(&mut self, events: impl IntoIterator<Item = Event>) {
        let events: Vec<Event> = events.into_iter().collect();
        let Self { raw, renderer, messages, cursor, .. } = self;
        let _ = raw.update(&events, *cursor, renderer, &mut clipboard::Null, messages);
    }

    /// Whether somebody takes this event for theirs.
    pub(crate) fn takes(&mut self, event: Event) -> bool {
        let Self { raw, renderer, messages, cursor, .. } = self;
        let (_, statuses) = raw.update(&[event], *cursor, renderer, &mut clipboard::Null, messages);
        statuses == [event::Status::Captured]
    }

    /// Moves the pointer there.
    pub(crate) fn point_at(&mut self, at: Point) {
        self.cursor = mouse::Cursor::Available(at);
        self.simulate([Event::Mouse(mouse::Event::CursorMoved { position: at })]);
    }

    pub(crate) fn redraw(&mut self) {
        self.simulate([Event::Window(window::Event::RedrawRequested(Instant::now()))]);
    }

    /// Moves the keyboard on, as Tab does.
    pub(crate) fn tab(&mut self, way: focus::Way) {
        self.operate(Box::new(focus::step(scope(), way)));
    }

    /// Moves the keyboard to what has this name.
    pub(crate) fn focus(&mut self, name: &'static str) {
        self.operate(Box::new(focus::onto(scope(), name.into())));
    }

    fn operate(&mut self, operation: Box<dyn Operation>) {
        let mut operation = Some(operation);
        while let Some(mut now) = operation.take() {
            self.raw.operate(&self.renderer, now.as_mut());
            if let Outcome::Chain(next) = now.finish() {
                operation = Some(next);
            }
        }
    }

    /// What was said so far.
    pub(crate) fn into_messages(self) -> Vec<Message> {
        self.messages
    }

    /// What was said so far, and what the next view takes over.
    pub(crate) fn leave(self) -> (Vec<Message>, Kept) {
        let cache = self.raw.into_cache();
        (self.messages, Kept { cache, renderer: self.renderer, cursor: self.cursor })
    }

    /// Draws it: width, height and RGBA.
    pub(crate) fn draw(&mut self, theme: &Theme) -> (u32, u32, Vec<u8>) {
        self.redraw();
        self.frame(theme)
    }

    /// A frame at that time: when the window asks for the next one, and what is to be seen.
    pub(crate) fn frame_at(&mut self, now: Instant) -> (window::RedrawRequest, Vec<u8>) {
        let event = Event::Window(window::Event::RedrawRequested(now));
        let Self { raw, renderer, messages, cursor, .. } = self;
        let (state, _) = raw.update(&[event], *cursor, renderer, &mut clipboard::Null, messages);
        let asked = match state {
            State::Updated { redraw_request, .. } => redraw_request,
            State::Outdated => window::RedrawRequest::NextFrame,
        };
        let (_, _, rgba) = self.frame(&theme::light());
        (asked, rgba)
    }

    fn frame(&mut self, theme: &Theme) -> (u32, u32, Vec<u8>) {
        let style = iced_core::renderer::Style { text_color: theme::tokens(theme).text };
        self.raw.draw(&mut self.renderer, theme, &style, self.cursor);
        let pixels = |side: f32| (side * self.scale).round() as u32;
        let size = Size::new(pixels(self.size.width), pixels(self.size.height));
        let rgba = self.renderer.screenshot(size, self.scale, theme::tokens(theme).bg);
        (size.width, size.height, rgba)
    }
}

fn scope() -> iced::advanced::widget::Id {
    iced::advanced::widget::Id::new("window")
}

/// Tab.
pub(crate) fn focus_next<'a, Message: 'a>(ui: &mut Ui<'a, Message>) {
    ui.tab(focus::Way::Next);
}

fn load_fonts() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let system = iced_test::renderer::graphics::text::font_system();
        let mut system = system.write().unwrap();
        for font in theme::FONTS.into_iter().chain(FONTS) {
            system.load_font(font.into());
        }
    });
}

/// Holds a screen to its pictures in the tree, `gui/snapshots/NAME-light.png` and `-dark.png`.
///
/// # Panics
/// Where a picture differs (what was drawn then lies beside it as `NAME.new.png`) or is missing.
pub(crate) fn snapshot<'a, Message: 'a, E: Into<Element<'a, Message>>>(
    name: &str,
    size: Size,
    scale: f32,
    view: impl Fn() -> E,
) {
    for (suffix, theme) in [("light", theme::light()), ("dark", theme::dark())] {
        let drawn = Ui::new(size, scale, view()).draw(&theme);
        hold(&format!("{name}-{suffix}"), &drawn);
        if writes_screenshots() && is_shown(name) {
            screenshot(&format!("{name}-{suffix}"), &drawn);
        }
    }
    if writes_screenshots() && SHOWN.contains(&name) {
        screenshot(&format!("{name}-200"), &Ui::new(size, 2.0, view()).draw(&theme::light()));
    }
}

/// Of the pictures that tests hold, those that are for people, each at 200 % too.
const SHOWN: [&str; 22] = [
    "ask",
    "chat",
    "first-run-account",
    "first-run-times",
    "first-run-who",
    "help",
    "portal",
    "portal-empty",
    "portal-link",
    "portal-month",
    "portal-no-agent",
    "portal-notices",
    "portal-requests",
    "portal-rtl",
    "portal-visit",
    "settings-links",
    "settings-look",
    "settings-notify",
    "settings-rule",
    "settings-timetable",
    "settings-way",
    "wide",
];

fn is_shown(name: &str) -> bool {
    SHOWN.contains(&name)
        || name.starts_with("wide-")
        || (name.starts_with("chat") && !name.ends_with("-de"))
}

/// `make screenshots`.
fn writes_screenshots() -> bool {
    std::env::var_os("MAILBOAT_SCREENSHOTS").is_some_and(|word| word == "write")
}

fn screenshot(name: &str, (width, height, rgba): &(u32, u32, Vec<u8>)) {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/screenshots"));
    fs::create_dir_all(&folder).unwrap();
    write(&folder.join(format!("{name}.png")), *width, *height, rgba);
}

pub(crate) fn hold(name: &str, (width, height, rgba): &(u32, u32, Vec<u8>)) {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    let (path, other) =
        (folder.join(format!("{name}.png")), folder.join(format!("{name}.new.png")));
    if std::env::var_os("MAILBOAT_SNAPSHOTS").is_some_and(|word| word == "write") {
        fs::create_dir_all(&folder).unwrap();
        return write(&path, *width, *height, rgba);
    }
    let known = read(&path);
    if known.as_ref() == Some(&(*width, *height, rgba.clone())) {
        let _ = fs::remove_file(other);
        return;
    }
    write(&other, *width, *height, rgba);
    let words = if known.is_none() { "is not in the tree" } else { "looks different now" };
    panic!("{name} {words}: look at {}, then run with MAILBOAT_SNAPSHOTS=write", other.display());
}

/// Writes an RGBA picture.
pub(crate) fn write(path: &std::path::Path, width: u32, height: u32, rgba: &[u8]) {
    let file = BufWriter::new(fs::File::create(path).unwrap());
    let mut encoder = png::Encoder::new(file, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(rgba).unwrap();
}

/// Reads one.
pub(crate) fn read(path: &std::path::Path) -> Option<(u32, u32, Vec<u8>)> {
    let file = std::io::BufReader::new(fs::File::open(path).ok()?);
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut rgba = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut rgba).unwrap();
    rgba.truncate(info.buffer_size());
    Some((info.width, info.height, rgba))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_picture_in_the_tree_is_held_by_a_test() {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let (mut code, mut folders) = (String::new(), vec![root.join("src")]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.extension() {
                    None => folders.push(path),
                    Some(_) => code.push_str(&fs::read_to_string(path).unwrap()),
                }
            }
        }
        for file in fs::read_dir(root.join("../docs/screenshots")).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let stem =
                ["-light.png", "-dark.png", "-200.png"].iter().find_map(|e| name.strip_suffix(e));
            let is_known =
                stem.is_some_and(|stem| is_shown(stem) && code.contains(&format!("\"{stem}\"")));
            assert!(is_known, "make screenshots does not make {name}: remove it");
        }
        let files = fs::read_dir(root.join("snapshots")).unwrap();
        let names: BTreeSet<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        let names = names.iter().filter(|name| !name.ends_with(".new.png"));
        for name in names {
            let stem = name.strip_suffix("-light.png").or_else(|| name.strip_suffix("-dark.png"));
            let stem = stem.unwrap_or_else(|| panic!("{name} is of neither theme"));
            assert!(code.contains(&format!("\"{stem}\"")), "no test shows {name}: remove it");
        }
    }
}
