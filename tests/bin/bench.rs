//! `mailboat-bench [CORPUS]`: what Mailboat costs in bytes, round trips and seconds, beside the
//! goals and the best peer of each figure. Ends with an error only where something did not run.
//!
//! `CORPUS` has 120 lines, the first 100 go to the laptop. `LINKBOX` names the tool that emulates
//! thin links between two network namespaces (needs root); without it those figures are left out.

#[path = "../bench"]
mod bench {
    pub(crate) mod bare;
    pub(crate) mod corpus;
    pub(crate) mod page;
    pub(crate) mod peers;
    pub(crate) mod rate;
    pub(crate) mod wire_figures;
}

use std::path::PathBuf;

use bench::{corpus::Corpus, page::Page};

fn main() -> anyhow::Result<()> {
    let corpus = Corpus::read(std::env::args_os().nth(1).map(PathBuf::from).as_deref())?;
    let page = Page::begin(&corpus);
    bench::wire_figures::print(&page, &corpus)?;
    page.end();
    Ok(())
}
