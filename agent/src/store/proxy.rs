//! How proxies take a login. Nothing here is secret.

use rusqlite::params;

use super::{Reader, Store, StoreError, write::Query};

/// Proxies that are known; the settings name a few.
const PROXIES_MAX: u32 = 64;

impl Reader {
    /// How the proxy at `url` took a login, by the name that [`Store::note_proxy_login`] was given.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn proxy_login(&self, url: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT login FROM proxy WHERE url = ?1";
        self.read(|db| db.first(sql, [url], |row| row.get(0)))
    }
}

impl Store {
    /// Notes how the proxy at `url` (without user and password) took a login. Writes only what is new.
    ///
    /// # Errors
    /// What SQLite and the disk say.
    pub fn note_proxy_login(&self, url: &str, login: &str) -> Result<(), StoreError> {
        if self.reader().proxy_login(url)?.as_deref() == Some(login) {
            return Ok(());
        }
        self.write(|tx| {
            let others = "DELETE FROM proxy WHERE url <> ?1 AND (SELECT count(*) FROM proxy) >= ?2";
            tx.run(others, params![url, PROXIES_MAX])?;
            let sql = "INSERT INTO proxy (url, login) VALUES (?1, ?2)
                ON CONFLICT (url) DO UPDATE SET login = excluded.login";
            tx.run(sql, params![url, login])?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Options;

    #[test]
    fn the_last_way_that_a_proxy_took_a_login_is_known_and_only_some_proxies_are() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store.db"), Options::default()).unwrap();
        let known = |url: &str| store.reader().proxy_login(url).unwrap();
        store.note_proxy_login("http://p:1", "basic").unwrap();
        store.note_proxy_login("http://p:2", "basic").unwrap();
        store.note_proxy_login("http://p:1", "digest").unwrap();
        assert_eq!(known("http://p:1").unwrap(), "digest");
        assert_eq!((known("http://p:2").unwrap(), known("http://p:3")), ("basic".to_owned(), None));
        for port in 3..=PROXIES_MAX + 1 {
            store.note_proxy_login(&format!("http://p:{port}"), "basic").unwrap();
        }
        assert_eq!(known("http://p:1"), None, "they are begun anew");
        assert!(known(&format!("http://p:{}", PROXIES_MAX + 1)).is_some());
    }
}
