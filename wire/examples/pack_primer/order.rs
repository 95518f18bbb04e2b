//! Orders lines so that what many lines have in common stands last, where references to it are cheapest.

use std::collections::HashMap;

/// Lengths of the strings that lines are compared by, in bytes.
const GRAM_LENS: std::ops::RangeInclusive<usize> = 4..=8;

/// Indices of the lines in packing order. Last is what shares most with other lines for its length, and is not covered by what stands behind it.
pub(crate) fn by_worth(lines: &[&str]) -> Vec<usize> {
    let mut ids: HashMap<&[u8], usize> = HashMap::new();
    let mut shared: Vec<f64> = Vec::new();
    let mut grams_of = Vec::new();
    for line in lines.iter() {
        let mut grams: Vec<usize> = Vec::new();
        for gram in GRAM_LENS.flat_map(|len| line.as_bytes().windows(len)) {
            let next = ids.len();
            grams.push(*ids.entry(gram).or_insert(next));
        }
        grams.sort_unstable();
        grams.dedup();
        shared.resize(ids.len(), 0.0);
        grams.iter().for_each(|&gram| shared[gram] += 1.0);
        grams_of.push(grams);
    }
    // The power of 3/2 was chosen by cross-validation of the primer.
    let mut worth: Vec<f64> = shared.iter().map(|n| (n - 1.0) * (n - 1.0).sqrt()).collect();
    let mut left: Vec<usize> = (0..lines.len()).collect();
    let mut picked = Vec::new();
    while !left.is_empty() {
        let score = |line: usize| {
            grams_of[line].iter().map(|&gram| worth[gram]).sum::<f64>() / lines[line].len() as f64
        };
        let best = (0..left.len()).max_by(|&a, &b| score(left[a]).total_cmp(&score(left[b])));
        let line = left.remove(best.expect("a line is left"));
        grams_of[line].iter().for_each(|&gram| worth[gram] = 0.0);
        picked.push(line);
    }
    picked.reverse();
    picked
}
