//! `mailboat-bench [CORPUS]`: what Mailboat costs in bytes, round trips and seconds, beside the
//! goals and the best peer of each figure. Ends with an error only where something did not run.
//!
//! `CORPUS` has 120 lines, the first 100 go to the laptop. `LINKBOX` names the tool that emulates
//! thin links between two network namespaces (needs root); without it those figures are left out.
//! `mailboat-bench store FILE` makes the store of the section window, for a window to be looked at with it.
//! `BENCH_ONLY` names sections to run, with spaces between: wire, visits, catch-up, load, window, links or one of them (v34,
//! gprs, iridium), and four that run only where they are named: display (needs Xvfb and openbox), idle, scale and lines.

#[path = "../bench"]
mod bench {
    pub(crate) mod accounts;
    pub(crate) mod bare;
    pub(crate) mod catch_up;
    pub(crate) mod corpus;
    pub(crate) mod display;
    pub(crate) mod fill;
    pub(crate) mod idle;
    pub(crate) mod laptop;
    pub(crate) mod lines;
    pub(crate) mod links;
    pub(crate) mod load;
    pub(crate) mod page;
    pub(crate) mod peers;
    pub(crate) mod process;
    pub(crate) mod rate;
    pub(crate) mod raw;
    pub(crate) mod scale;
    pub(crate) mod scene;
    pub(crate) mod visits;
    pub(crate) mod window;
    pub(crate) mod wire_figures;
}

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::Context;
use bench::{
    catch_up, corpus::Corpus, display, idle, laptop, lines, links, load, page::Page, scale, visits,
    window, wire_figures,
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let first = args.next();
    if first.as_deref() == Some(Path::new("laptop")) {
        return laptop::run(args).await;
    }
    if first.as_deref() == Some(Path::new("lines")) {
        return lines::hold(args).await;
    }
    if first.as_deref() == Some(Path::new("store")) {
        let path = args.next().context("where is the store to be?")?;
        return window::make(&path, &Corpus::read(args.next().as_deref())?);
    }
    let corpus = Corpus::read(first.as_deref())?;
    let only = env::var("BENCH_ONLY").unwrap_or_default();
    let wanted = |section: &str| only.is_empty() || only.split(' ').any(|name| name == section);
    let page = Page::begin(&corpus);
    if wanted("wire") {
        wire_figures::print(&page, &corpus)?;
    }
    if wanted("visits") {
        visits::print(&page, &corpus).await?;
    }
    if wanted("catch-up") {
        catch_up::print(&page, &corpus).await?;
    }
    if wanted("load") {
        load::print(&page, &corpus).await?;
    }
    if wanted("window") {
        window::print(&page, &corpus)?;
    }
    // What takes many minutes is for who asks for it.
    let asked_for = |section: &str| only.split(' ').any(|name| name == section);
    if asked_for("display") {
        display::print(&page, &corpus).await?;
    }
    if asked_for("idle") {
        idle::print(&page).await?;
    }
    if asked_for("scale") {
        scale::print(&page, &corpus).await?;
    }
    if asked_for("lines") {
        lines::print(&page).await?;
    }
    links::print(&page, &corpus, |profile| wanted("links") || wanted(profile)).await?;
    page.end();
    Ok(())
}
