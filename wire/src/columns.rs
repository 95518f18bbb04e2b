//! Columns: many rows of numbers written one column after the other, each as small differences to
//! a default. A column that is all default is left out, so an ordinary message in a batch costs
//! little more than its length.

use crate::{
    DecodeError,
    bin::{put, take, unzigzag, zigzag},
    limits::{FRAME_ROWS_MAX, PACKET_DECODED_MAX},
};

/// Writes columns of `count` rows behind a mask that says which ones are there.
pub(crate) struct ColumnWriter {
    mask: u64,
    next: u32,
    body: Vec<u8>,
}

impl ColumnWriter {
    pub(crate) fn new() -> Self {
        Self { mask: 0, next: 0, body: Vec::new() }
    }

    /// Numbers as they are; left out if all equal `default`.
    pub(crate) fn plain(&mut self, default: u64, values: impl Iterator<Item = u64> + Clone) {
        self.column(values, |value| value == default);
    }

    /// Each number as its difference to what `expect` makes of the ones before it.
    pub(crate) fn expected(&mut self, values: impl Iterator<Item = (u64, u64)> + Clone) {
        self.column(values.map(|(expected, value)| zigzag(expected, value)), |coded| coded == 0);
    }

    fn column(
        &mut self,
        values: impl Iterator<Item = u64> + Clone,
        is_default: impl Fn(u64) -> bool,
    ) {
        if !values.clone().all(is_default) {
            self.mask |= 1 << self.next;
            values.for_each(|value| put(&mut self.body, value));
        }
        self.next += 1;
    }

    /// The mask, then the columns.
    pub(crate) fn finish(self, out: &mut Vec<u8>) {
        put(out, self.mask);
        out.extend_from_slice(&self.body);
    }
}

/// Reads what [`ColumnWriter`] wrote, column by column in the same order.
pub(crate) struct ColumnReader<'a> {
    mask: u64,
    next: u32,
    count: usize,
    rest: &'a [u8],
}

impl<'a> ColumnReader<'a> {
    /// `count` comes from the peer: it is bounded here, before anything is allocated for it.
    pub(crate) fn new(count: u64, mut rest: &'a [u8]) -> Result<Self, DecodeError> {
        let count = usize::try_from(count).map_err(|_| DecodeError::Malformed)?;
        if FRAME_ROWS_MAX < count {
            return Err(DecodeError::Malformed);
        }
        let mask = take(&mut rest)?;
        Ok(Self { mask, next: 0, count, rest })
    }

    /// A column written by [`ColumnWriter::plain`].
    pub(crate) fn plain(&mut self, default: u64) -> Result<Vec<u64>, DecodeError> {
        let Some(values) = self.column()? else { return Ok(vec![default; self.count]) };
        // Canonical: a column that is all default is not written.
        if values.iter().all(|value| *value == default) {
            return Err(DecodeError::Malformed);
        }
        Ok(values)
    }

    /// A column written by [`ColumnWriter::expected`]; `expect(row, values so far)` says what the
    /// writer expected.
    pub(crate) fn expected(
        &mut self,
        mut expect: impl FnMut(usize, &[u64]) -> u64,
    ) -> Result<Vec<u64>, DecodeError> {
        let coded = self.column()?;
        if coded.as_ref().is_some_and(|coded| coded.iter().all(|difference| *difference == 0)) {
            return Err(DecodeError::Malformed);
        }
        let mut values = Vec::with_capacity(self.count);
        for row in 0..self.count {
            let difference = coded.as_ref().map_or(0, |coded| coded[row]);
            let expected = expect(row, &values);
            values.push(unzigzag(expected, difference));
        }
        Ok(values)
    }

    /// What stands behind the columns: the bodies, cut to the given lengths.
    pub(crate) fn bodies(self, lengths: &[u64]) -> Result<Vec<Vec<u8>>, DecodeError> {
        if self.mask >> self.next != 0 {
            return Err(DecodeError::Malformed);
        }
        let mut rest = self.rest;
        let mut bodies = Vec::with_capacity(lengths.len());
        for len in lengths {
            let len = usize::try_from(*len).ok().filter(|len| *len <= PACKET_DECODED_MAX);
            let (body, behind) =
                len.and_then(|len| rest.split_at_checked(len)).ok_or(DecodeError::Malformed)?;
            bodies.push(body.to_vec());
            rest = behind;
        }
        if rest.is_empty() { Ok(bodies) } else { Err(DecodeError::Malformed) }
    }

    fn column(&mut self) -> Result<Option<Vec<u64>>, DecodeError> {
        let present = self.mask >> self.next & 1 == 1;
        self.next += 1;
        if !present {
            return Ok(None);
        }
        // Every number takes at least a byte, so the bytes there bound the allocation.
        if self.rest.len() < self.count {
            return Err(DecodeError::Malformed);
        }
        (0..self.count).map(|_| take(&mut self.rest)).collect::<Result<_, _>>().map(Some)
    }
}
