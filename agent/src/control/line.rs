//! Lines of bounded length. Cancel safe: what was read of a line stays until the rest comes.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// Longest line, in bytes with its line break: the longest text there can be (64 KiB), escaped at its
/// worst (six bytes for one), and what stands around it.
pub const LINE_MAX: usize = 512 << 10;

/// Reads lines.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    done: bool,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, line: Vec::new(), done: false }
    }

    /// The next line without its break, `None` at the end. A last line without a break is none: it
    /// may have been cut.
    ///
    /// # Errors
    /// `InvalidData` for a line above [`LINE_MAX`], after which nothing can be read any more.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        while !self.done {
            let read = self.reader.fill_buf().await?;
            if read.is_empty() {
                self.done = true;
                break;
            }
            let end = read.iter().position(|&byte| byte == b'\n');
            let taken = end.map_or(read.len(), |end| end + 1);
            if LINE_MAX < self.line.len() + taken {
                self.done = true;
                let words = format!("a line is longer than {LINE_MAX} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, words));
            }
            self.line.extend_from_slice(&read[..end.unwrap_or(taken)]);
            self.reader.consume(taken);
            if end.is_some() {
                return Ok(Some(std::mem::take(&mut self.line)));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_whole_and_a_cut_one_does_not() {
        let mut lines = Lines::new(&b"one\n\ntwo\nthr"[..]);
        assert_eq!(lines.next().await.unwrap().unwrap(), b"one");
        assert_eq!(lines.next().await.unwrap().unwrap(), b"");
        assert_eq!(lines.next().await.unwrap().unwrap(), b"two");
        assert_eq!(lines.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_line_without_end_is_given_up_at_the_limit() {
        let endless = vec![b'a'; LINE_MAX + 1];
        let mut lines = Lines::new(&endless[..]);
        assert_eq!(lines.next().await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(lines.next().await.unwrap(), None);
    }
}
