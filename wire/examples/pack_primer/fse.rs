//! Finite-state entropy tables of the zstd format (RFC 8878 §4.1): written into the primer's header,
//! and read back from frames so that what the compressor really chose can be counted.

/// A table's symbol counts, scaled so that they fill `1 << log` cells. −1 is "less than one", one cell.
#[derive(Clone, Debug)]
pub(crate) struct Norm {
    pub(crate) log: u32,
    pub(crate) counts: Vec<i32>,
}

impl Norm {
    /// Scales a histogram to `1 << log` cells. Every symbol of the histogram with a count gets a cell.
    pub(crate) fn of(histogram: &[u64], log: u32) -> Self {
        let cells = 1i64 << log;
        let total: u64 = histogram.iter().sum();
        let share = |n: u64| cells as f64 * n as f64 / total as f64;
        let mut counts: Vec<i32> = histogram
            .iter()
            .map(|&n| match n {
                0 => 0,
                n if share(n) < 1.0 => -1,
                n => share(n).round() as i32,
            })
            .collect();
        // Rounding leaves a few cells too many or too few: settle them where it costs least bits.
        loop {
            let used: i64 = counts.iter().map(|&c| i64::from(c.abs())).sum();
            let step = (cells - used).signum() as i32;
            if step == 0 {
                break;
            }
            let cost = |s: usize| {
                let (now, then) = (f64::from(counts[s]), f64::from(counts[s] + step));
                histogram[s] as f64 * (now / then).log2()
            };
            let best = (0..counts.len())
                .filter(|&s| counts[s] > 0 && counts[s] + step > 0)
                .min_by(|&a, &b| cost(a).total_cmp(&cost(b)))
                .expect("a histogram has a frequent symbol");
            counts[best] += step;
        }
        Self { log, counts }
    }

    /// The table as the format writes it.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = BitSink::default();
        out.put(self.log - 5, 4);
        let (mut remaining, mut threshold, mut bits) =
            ((1i32 << self.log) + 1, 1i32 << self.log, self.log + 1);
        let (mut symbol, mut after_zero) = (0, false);
        while remaining > 1 {
            if after_zero {
                let mut run = self.counts[symbol..].iter().take_while(|&&c| c == 0).count();
                symbol += run;
                while run >= 3 {
                    out.put(3, 2);
                    run -= 3;
                }
                out.put(run as u32, 2);
            }
            let count = self.counts[symbol];
            symbol += 1;
            let spare = 2 * threshold - 1 - remaining;
            remaining -= count.abs();
            let mut code = count + 1;
            if code >= threshold {
                code += spare;
            }
            out.put(code as u32, if code < spare { bits - 1 } else { bits });
            after_zero = count == 0;
            while remaining < threshold {
                threshold >>= 1;
                bits -= 1;
            }
        }
        out.finish()
    }

    /// Reads a table; returns it with the bytes it took.
    pub(crate) fn read(bytes: &[u8]) -> (Self, usize) {
        let mut at = 0;
        let mut take = |n: u32, keep: u32| {
            let value = (0..n).fold(0, |v, i| {
                let bit = at + i as usize;
                v | i32::from(bytes.get(bit / 8).copied().unwrap_or(0) >> (bit % 8) & 1) << i
            });
            at += keep as usize;
            value
        };
        let log = take(4, 4) as u32 + 5;
        let (mut remaining, mut threshold, mut bits) = ((1i32 << log) + 1, 1i32 << log, log + 1);
        let mut counts = Vec::new();
        while remaining > 1 {
            let spare = 2 * threshold - 1 - remaining;
            let low = take(bits - 1, 0);
            let code = if low < spare {
                take(0, bits - 1);
                low
            } else {
                let full = take(bits, bits);
                if full >= threshold { full - spare } else { full }
            };
            let count = code - 1;
            remaining -= count.abs();
            counts.push(count);
            if count == 0 {
                loop {
                    let run = take(2, 2);
                    counts.extend(std::iter::repeat_n(0, run as usize));
                    if run < 3 {
                        break;
                    }
                }
            }
            while remaining < threshold && threshold > 1 {
                threshold >>= 1;
                bits -= 1;
            }
        }
        (Self { log, counts }, at.div_ceil(8))
    }

    /// The decoding table: symbol, bits to read and the base of the next state, by state.
    pub(crate) fn states(&self) -> Vec<(u8, u32, usize)> {
        let size = 1usize << self.log;
        let mut symbols = vec![0u8; size];
        let mut next: Vec<usize> = self.counts.iter().map(|&c| c.unsigned_abs() as usize).collect();
        let mut high = size;
        for (s, _) in self.counts.iter().enumerate().filter(|&(_, &c)| c == -1) {
            high -= 1;
            symbols[high] = s as u8;
        }
        let mut at = 0;
        for (s, &count) in self.counts.iter().enumerate() {
            for _ in 0..count.max(0) {
                symbols[at] = s as u8;
                loop {
                    at = (at + (size >> 1) + (size >> 3) + 3) & (size - 1);
                    if at < high {
                        break;
                    }
                }
            }
        }
        let state = |&s: &u8| {
            let n = next[usize::from(s)];
            next[usize::from(s)] += 1;
            let bits = self.log - n.ilog2();
            (s, bits, (n << bits) - size)
        };
        symbols.iter().map(state).collect()
    }
}

#[derive(Default)]
struct BitSink {
    bytes: Vec<u8>,
    held: u64,
    bits: u32,
}

impl BitSink {
    fn put(&mut self, value: u32, bits: u32) {
        self.held |= u64::from(value) << self.bits;
        self.bits += bits;
        while self.bits >= 8 {
            self.bytes.push(self.held as u8);
            self.held >>= 8;
            self.bits -= 8;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.bits > 0 {
            self.bytes.push(self.held as u8);
        }
        self.bytes
    }
}
