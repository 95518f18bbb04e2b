//! The window on a screen, with the store of the section `window`: when it is drawn, how long opening the largest conversation
//! and a frame of scrolling take, what it holds in memory, and what it costs while nothing changes.
//!
//! Needs Xvfb and openbox. A time ends when the X server tells of what was drawn and the picture has been fetched and
//! looked at, so that one or two milliseconds of each are the looking.

use std::{env, time::Duration, time::Instant};

use anyhow::Context as _;
use config::{AgentPaths, Env};
use harness::{
    program::{self, Running},
    screen::{Area, Picture, Screen},
};
use tokio::time::sleep;
use x11rb::protocol::xproto::Window;

use super::{
    corpus::Corpus,
    idle::{memory, switches},
    page::{Page, Row},
    window,
};

/// Seconds that are counted while nothing changes, where `IDLE_SECONDS` says nothing else.
const SECONDS: u64 = 300;
/// What began with the last frame is over after this: a caret may still blink, threads end.
const SETTLES: Duration = Duration::from_secs(30);
/// Where the window is: wide, with the conversation beside the list.
const PLACE: Area = Area { x: 10, y: 30, width: 1_100, height: 720 };
/// A part of the list, and one of the conversation: narrow ones, which are looked at in no time.
const LIST: Area = Area { x: 40, y: 240, width: 60, height: 200 };
const CHAT: Area = Area { x: 400, y: 80, width: 60, height: 560 };
/// Turns of the wheel, each waited for.
const TURNS: usize = 300;
/// The colour of the button that starts the agent, and how far below it the first conversation stands.
const ACCENT: [u8; 3] = [0x0A, 0x6A, 0x86];
const FROM_BUTTON: i16 = 112;
const FRAME_MS: f64 = 16.0;
const FIRST_MS: f64 = 300.0;
const OPEN_MS: f64 = 100.0;
const RSS_MAX_KIB: f64 = 60.0 * 1024.0;

/// Writes the figures.
pub(crate) async fn print(page: &Page, corpus: &Corpus) -> anyhow::Result<()> {
    page.section("The window on a screen (Xvfb), with that store");
    let home = tempfile::tempdir()?;
    let paths = AgentPaths::new(Some(home.path()), &Env::default())?;
    if let Some(dir) = paths.store.parent() {
        std::fs::create_dir_all(dir)?;
    }
    window::make(&paths.store, corpus)?;
    let screen = Screen::start().await;

    let began = Instant::now();
    let program = program::binary("mailboat-gui-under-test");
    let mut command = screen.on(program::command(&program, home.path()));
    command.arg("--home").arg(home.path());
    let mut gui = Running::start(command);
    let shown = screen.window(gui.pid(), "Mailboat").await;
    screen.until("a drawn window", |screen| looks(screen, shown)).await;
    page.row(&Row::new("first frame, from the start", ms(began), " ms").at_most(FIRST_MS));
    screen.until("the list", |screen| has_words(screen, shown, LIST)).await;
    page.row(&Row::new("  with the list of conversations", ms(began), " ms"));
    screen.place(shown, PLACE).await;
    let list = settled(&screen, PLACE).await;

    let (x, y) = row_of_the_largest(&list)?;
    let began = Instant::now();
    screen.click(x, y);
    screen.until("the conversation", |screen| has_words(screen, shown, CHAT)).await;
    page.row(&Row::new("the largest conversation is open", ms(began), " ms").at_most(OPEN_MS));
    scrolls(page, &screen, gui.pid()).await?;
    idles(page, &screen, gui.pid()).await?;
    gui.kill().await;
    Ok(())
}

/// The wheel is turned backwards through the conversation, through what has to be read from the store meanwhile.
async fn scrolls(page: &Page, screen: &Screen, pid: u32) -> anyhow::Result<()> {
    let mut frames = Vec::with_capacity(TURNS);
    let busy = busy_ms(pid)?;
    let (x, y) = area(CHAT).middle();
    screen.point(x, y);
    let mut last = settled(screen, area(CHAT)).await;
    for _ in 0..TURNS {
        let began = Instant::now();
        screen.wheel_up();
        last = screen
            .until("a frame further up", |screen| {
                let is = screen.picture(area(CHAT));
                (is != last).then_some(is)
            })
            .await;
        frames.push(ms(began));
    }
    let busy = busy_ms(pid)? - busy;
    frames.sort_by(f64::total_cmp);
    page.row(&Row::new("a turn of the wheel, middle", frames[TURNS / 2], " ms").at_most(FRAME_MS));
    page.row(&Row::new("  99 of 100", frames[TURNS * 99 / 100], " ms").at_most(FRAME_MS));
    page.row(&Row::new("  the longest", frames[TURNS - 1], " ms"));
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    page.row(&Row::new("  processor of each", busy / TURNS as f64, " ms"));
    Ok(())
}

async fn idles(page: &Page, screen: &Screen, pid: u32) -> anyhow::Result<()> {
    let seconds = env::var("IDLE_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds = seconds.unwrap_or(SECONDS);
    sleep(SETTLES).await;
    let (before, woke) = (screen.picture(area(PLACE)), switches(pid.into())?);
    let stirred = screen.stirred();
    sleep(Duration::from_secs(seconds)).await;
    let woke = switches(pid.into())?.saturating_sub(woke);
    page.row(&Row::count(format!("wake-ups in {seconds} s of nothing"), woke, "").at_most(0.0));
    page.row(&Row::count("  drawn meanwhile", screen.stirred() - stirred, "").at_most(0.0));
    anyhow::ensure!(screen.picture(area(PLACE)) == before, "the picture has changed");
    page.row(
        &Row::count("memory (RSS)", memory(pid.into(), "VmRSS:")?, " KiB").at_most(RSS_MAX_KIB),
    );
    page.row(&Row::count("  of it not from files", memory(pid.into(), "RssAnon:")?, " KiB"));
    Ok(())
}

/// Something is drawn in it: more than one colour of a frame.
fn looks(screen: &Screen, window: Window) -> Option<()> {
    let head = Area { height: 60, ..screen.area(window)? };
    (screen.picture(head).colours() > 20).then_some(())
}

fn has_words(screen: &Screen, window: Window, part: Area) -> Option<()> {
    let whole = screen.area(window)?;
    let part = Area {
        width: part.width.min(whole.width.checked_sub(part.x as u16)?),
        height: part.height.min(whole.height.checked_sub(part.y as u16)?),
        ..part
    };
    let part = Area { x: whole.x + part.x, y: whole.y + part.y, ..part };
    screen.picture(part).has_words().then_some(())
}

/// A part of the window as a part of the screen.
const fn area(part: Area) -> Area {
    if part.width == PLACE.width {
        return PLACE;
    }
    Area { x: PLACE.x + part.x, y: PLACE.y + part.y, ..part }
}

/// What is to be seen in `part` once it has been the same for half a second. Somewhere else a caret may blink.
async fn settled(screen: &Screen, part: Area) -> Picture {
    let mut last = screen.picture(part);
    loop {
        sleep(Duration::from_millis(500)).await;
        let is = screen.picture(part);
        if is == last {
            return is;
        }
        last = is;
    }
}

/// The middle of the first row of the list, as far below the button that starts the agent as in every window.
fn row_of_the_largest(picture: &Picture) -> anyhow::Result<(i16, i16)> {
    let button = picture.block(ACCENT, 60, 20).context("no button that starts the agent")?;
    let (x, _) = button.middle();
    Ok((PLACE.x + x, PLACE.y + button.y + FROM_BUTTON))
}

/// Milliseconds since then.
fn ms(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e3
}

/// What the process has had of the processors, in milliseconds; the kernel counts in hundredths of a second.
fn busy_ms(pid: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit(')').next().context("no fields")?.split_whitespace();
    let ticks: Vec<f64> = fields.skip(11).take(2).filter_map(|one| one.parse().ok()).collect();
    Ok(ticks.iter().sum::<f64>() * 10.0)
}
