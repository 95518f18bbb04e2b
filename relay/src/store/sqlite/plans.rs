//! That every statement goes by an index to what it wants: a store with ten million messages answers as an empty one
//! does. The statements are read from the sources, so that a new one is looked at as well.

use rusqlite::Connection;

use super::schema;

/// The files with statements.
const SOURCES: [(&str, &str); 17] = [
    ("accounts", include_str!("accounts.rs")),
    ("cache", include_str!("cache.rs")),
    ("content", include_str!("content.rs")),
    ("devices", include_str!("devices.rs")),
    ("entries", include_str!("entries.rs")),
    ("founding", include_str!("founding.rs")),
    ("housekeeping", include_str!("housekeeping.rs")),
    ("lanes", include_str!("lanes.rs")),
    ("lapses", include_str!("lapses.rs")),
    ("latest", include_str!("latest.rs")),
    ("lives", include_str!("lives.rs")),
    ("members", include_str!("members.rs")),
    ("receipts", include_str!("receipts.rs")),
    ("requests", include_str!("requests.rs")),
    ("rows", include_str!("rows.rs")),
    ("turns", include_str!("turns.rs")),
    ("tx", include_str!("tx.rs")),
];

/// What may look at a whole table: invites that can still be used are few.
const SCANS: [&str; 1] = ["DELETE FROM invite WHERE expires_at_s <= ? OR uses_left = 0"];

/// The string literals of a source that are statements. A line that ends in a backslash goes on without its indent.
fn statements(source: &str) -> Vec<String> {
    let own = source.split("#[cfg(test)]").next().unwrap();
    let literals = own.split('"').skip(1).step_by(2);
    let verbs = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "];
    let is_statement = |text: &&str| verbs.iter().any(|verb| text.starts_with(verb));
    literals.filter(is_statement).map(|text| text.replace("\\\n", "")).collect()
}

/// How SQLite would go about it, a line a step.
fn plan(db: &Connection, sql: &str) -> Vec<String> {
    let explained = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}"));
    let mut statement = explained.unwrap_or_else(|err| panic!("{sql}: {err}"));
    // What it is asked for makes no difference here.
    let (mut rows, mut steps) = (statement.raw_query(), Vec::new());
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get(3).unwrap());
    }
    steps
}

#[test]
fn no_statement_looks_at_a_whole_table() {
    let dir = tempfile::tempdir().unwrap();
    let db = schema::open_writer(&dir.path().join("relay.db"), None).unwrap();
    let mut count = 0;
    for (file, source) in SOURCES {
        for sql in statements(source) {
            count += 1;
            let steps = plan(&db, &sql);
            let scans =
                steps.iter().any(|step| step.starts_with("SCAN") && step != "SCAN CONSTANT ROW");
            assert_eq!(scans, SCANS.contains(&&sql[..]), "{file}: {sql}\n{steps:#?}");
        }
    }
    assert!(80 < count, "{count} statements were found");
}

#[test]
fn what_is_due_is_found_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let db = schema::open_writer(&dir.path().join("relay.db"), None).unwrap();
    let [due, entries, notices, requests, loose] = [
        super::housekeeping::DUE_MAILBOXES,
        super::housekeeping::ENTRIES_AFTER,
        super::housekeeping::NOTICES_AFTER,
        super::housekeeping::REQUESTS_OVER,
        super::housekeeping::LOOSE_MESSAGES,
    ]
    .map(|sql| plan(&db, sql));
    assert_eq!(
        due,
        ["SEARCH mailbox USING COVERING INDEX mailbox_look (look_at_s>? AND look_at_s<?)"]
    );
    assert_eq!(entries, ["SEARCH entry USING PRIMARY KEY (account=? AND lane=? AND position>?)"]);
    assert_eq!(notices, ["SEARCH latest USING PRIMARY KEY (account=? AND kind=? AND (a,b)>(?,?))"]);
    assert_eq!(
        requests,
        ["SEARCH member USING COVERING INDEX member_asked (asked_until_s>? AND asked_until_s<?)"]
    );
    assert_eq!(
        loose,
        [
            "SEARCH m USING COVERING INDEX message_loose ((device,n)>(?,?))",
            "SEARCH d USING INTEGER PRIMARY KEY (rowid=?)"
        ]
    );
}

#[test]
fn pages_can_be_given_back_by_and_by_in_a_store_and_its_copies() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("relay.db"), dir.path().join("copy.db"));
    drop(schema::open_writer(&path, None).unwrap());
    super::back_up(&path, &copy, None).unwrap();
    const INCREMENTAL: u32 = 2;
    for path in [path, copy] {
        let db = schema::open_writer(&path, None).unwrap();
        let mode: u32 = db.query_row("PRAGMA auto_vacuum", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, INCREMENTAL, "{}", path.display());
    }
}
