//! The item on the session's bus, by the protocol of StatusNotifierItem.

use std::sync::LazyLock;

use iced::futures::{SinkExt, channel::mpsc::Sender};
use ksni::{Category, Icon, MenuItem, OfflineReason, ToolTip, TrayMethods, menu::StandardItem};

use super::{Handle, Message, Shown};
use crate::{icon, theme};

/// The sides of its pictures, in pixels: trays are 16 to 32 high, and twice that on dense screens.
const PICTURES: [&[u8]; 2] = [icon::SMALL, icon::LARGE];

static CALM: LazyLock<Vec<Icon>> = LazyLock::new(|| pictures(false));
static NEWS: LazyLock<Vec<Icon>> = LazyLock::new(|| pictures(true));

/// What the bus sees.
pub(super) struct Item {
    pub(super) shown: Shown,
    out: Sender<Message>,
}

/// Shows it for as long as this is polled.
pub(super) async fn run(shown: Shown, mut out: Sender<Message>) {
    let item = Item { shown, out: out.clone() };
    // A tray may come later than the window: at the start of a session it does.
    match item.assume_sni_available(true).spawn().await {
        Ok(handle) => {
            let _guard = Guard(handle.clone());
            if out.send(Message::Ready(Handle(handle))).await.is_ok() {
                std::future::pending::<()>().await;
            }
        }
        Err(err) => eprintln!("mailboat-gui: there is no item in the tray: {err}"),
    }
}

/// Takes it away with the subscription.
struct Guard(ksni::Handle<Item>);

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.shutdown());
    }
}

impl Item {
    /// Where nobody listens there is nobody to tell; where eight words wait the ninth says nothing new.
    fn say(&mut self, message: Message) {
        let _ = self.out.try_send(message);
    }
}

impl ksni::Tray for Item {
    fn id(&self) -> String {
        "mailboat".to_owned()
    }

    fn category(&self) -> Category {
        Category::Communications
    }

    fn title(&self) -> String {
        "Mailboat".to_owned()
    }

    fn icon_pixmap(&self) -> Vec<Icon> {
        if self.shown.has_news { NEWS.clone() } else { CALM.clone() }
    }

    fn tool_tip(&self) -> ToolTip {
        // Some trays read it as markup.
        let lines = [&self.shown.news, &self.shown.next].map(|line| escaped(line));
        let description = lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>();
        ToolTip { title: self.title(), description: description.join("\n"), ..ToolTip::default() }
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        self.say(Message::OpenPressed);
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        let shown = &self.shown;
        let said = |label: &String| StandardItem {
            label: label.replace('_', "__"),
            enabled: false,
            visible: !label.is_empty(),
            ..StandardItem::default()
        };
        let press = |label: &String, enabled: bool, message: Message| StandardItem {
            enabled,
            activate: Box::new(move |item: &mut Self| item.say(message.clone())),
            ..said(label)
        };
        vec![
            press(&shown.open, true, Message::OpenPressed).into(),
            press(&shown.call, shown.can_call, Message::CallPressed).into(),
            MenuItem::Separator,
            said(&shown.news).into(),
            said(&shown.next).into(),
            MenuItem::Separator,
            press(&shown.quit, true, Message::QuitPressed).into(),
        ]
    }

    fn watcher_online(&self) {
        let _ = self.out.clone().try_send(Message::Hosted(true));
    }

    fn watcher_offline(&self, _reason: OfflineReason) -> bool {
        let _ = self.out.clone().try_send(Message::Hosted(false));
        true
    }
}

fn escaped(line: &str) -> String {
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn pictures(has_news: bool) -> Vec<Icon> {
    PICTURES.iter().filter_map(|png| picture(png, has_news)).collect()
}

/// The boat; with a dot in its corner where there are news.
fn picture(png: &[u8], has_news: bool) -> Option<Icon> {
    let (side, mut data) = icon::rgba(png)?;
    if has_news {
        dot(&mut data, side);
    }
    // As the protocol has them: alpha first.
    data.chunks_exact_mut(4).for_each(|pixel| pixel.rotate_right(1));
    let side = i32::try_from(side).ok()?;
    Some(Icon { width: side, height: side, data })
}

/// A disc in the lower right corner, with a rim that stands out from whatever is behind.
#[expect(clippy::cast_precision_loss, reason = "pixels of a small picture")]
fn dot(data: &mut [u8], side: u32) {
    let (radius, rim) = (side as f32 * 0.26, side as f32 * 0.06);
    let middle = side as f32 - radius;
    let [inner, outer] =
        [theme::LIGHT.accent, theme::LIGHT.surface].map(|color| color.into_rgba8());
    for (at, pixel) in (0_u32..).zip(data.chunks_exact_mut(4)) {
        let (x, y) = ((at % side) as f32 + 0.5, (at / side) as f32 + 0.5);
        let from = (x - middle).hypot(y - middle);
        if from <= radius - rim {
            pixel.copy_from_slice(&inner);
        } else if from <= radius {
            pixel.copy_from_slice(&outer);
        }
    }
}

#[cfg(test)]
mod tests {
    use iced::futures::{StreamExt, channel::mpsc};
    use ksni::Tray as _;

    use super::*;

    fn shown() -> Shown {
        Shown {
            has_news: true,
            news: "2 unread".to_owned(),
            next: "next call 18:30 — day_time".to_owned(),
            open: "Open".to_owned(),
            call: "Call now".to_owned(),
            quit: "Quit".to_owned(),
            can_call: false,
        }
    }

    #[tokio::test]
    async fn the_menu_says_what_is_shown_and_what_is_pressed_in_it_is_heard() {
        let (out, mut heard) = mpsc::channel(8);
        let mut item = Item { shown: shown(), out };
        let mut pressed = Vec::new();
        for line in item.menu() {
            let MenuItem::Standard(line) = line else { continue };
            pressed.push((line.label.clone(), line.enabled));
            if line.enabled {
                (line.activate)(&mut item);
            }
        }
        let lines = [("Open", true), ("Call now", false), ("2 unread", false)];
        let rest = [("next call 18:30 — day__time", false), ("Quit", true)];
        let lines = lines.into_iter().chain(rest).map(|(line, is_on)| (line.to_owned(), is_on));
        assert_eq!(pressed, lines.collect::<Vec<_>>());
        assert!(matches!(heard.next().await, Some(Message::OpenPressed)));
        assert!(matches!(heard.next().await, Some(Message::QuitPressed)));
        item.activate(0, 0);
        assert!(matches!(heard.next().await, Some(Message::OpenPressed)));
        assert!(item.tool_tip().description.contains("2 unread\nnext call"));
    }

    #[test]
    fn its_pictures_differ_by_the_dot() {
        assert_eq!((CALM.len(), NEWS.len()), (2, 2));
        for (calm, news) in CALM.iter().zip(NEWS.iter()) {
            assert_eq!(calm.data.len(), usize::try_from(calm.width * calm.height * 4).unwrap());
            let other = calm.data.iter().zip(&news.data).filter(|(a, b)| a != b).count();
            assert!(calm.data.len() / 20 < other && other < calm.data.len() / 2, "{other}");
        }
        // Alpha first: the corner of the boat's picture is empty, the dot is not.
        assert_eq!((CALM[0].data[0], NEWS[0].data[NEWS[0].data.len() - 4 * 8]), (0, 255));
    }

    #[test]
    fn nothing_in_a_name_is_markup() {
        assert_eq!(escaped("<b>&</b>"), "&lt;b&gt;&amp;&lt;/b&gt;");
    }
}
