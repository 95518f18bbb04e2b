//! `docs/invariants.md` says which test holds which rule: the tests are there, and none that is named for a rule is
//! left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Rules that the design counts, and those that came later.
const RULES: usize = 32;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Tests of a table's row, as `(file, name)`.
fn tests_of(row: &str) -> Vec<(&str, &str)> {
    row.split('`').filter_map(|code| code.split_once('#')).collect()
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_rule_has_tests_that_exist_and_every_test_of_a_rule_is_in_its_row() {
    let page = fs::read_to_string(root().join("docs/invariants.md")).unwrap();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let numbers: Vec<_> = rows.iter().map(|row| row.split('|').nth(1).unwrap().trim()).collect();
    assert_eq!(numbers, (1..=RULES).map(|rule| rule.to_string()).collect::<Vec<_>>());

    let mut listed = BTreeSet::new();
    for (at, row) in rows.iter().enumerate() {
        let tests = tests_of(row);
        assert!(!tests.is_empty(), "nothing holds rule {}", at + 1);
        for (file, name) in tests {
            let text = fs::read_to_string(root().join(file)).unwrap_or_default();
            assert!(text.contains(&format!("fn {name}(")), "{file} has no {name}");
            listed.insert((at + 1, name.to_owned()));
        }
    }

    let mut files = Vec::new();
    for room in ["wire", "relay", "agent", "tests"] {
        rust_files(&root().join(room), &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for name in text.split("fn invariant_").skip(1) {
            let name = name.split('(').next().unwrap();
            let Some(rule) = name.get(..2).and_then(|rule| rule.parse().ok()) else { continue };
            let name = format!("invariant_{name}");
            assert!(listed.contains(&(rule, name.clone())), "{name} is not in its row");
        }
    }
}
