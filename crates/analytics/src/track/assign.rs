//! Who is who: the assignment of least cost between tracks and what is seen.

use pathfinding::{kuhn_munkres::kuhn_munkres, matrix::Matrix};

/// A track and an observation that may be the same, and how badly they fit; 0 is perfect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub track: usize,
    pub seen: usize,
    pub cost: f32,
}

/// Worth of leaving a track unmatched, in units of cost: pairs that fit worse are not made.
pub(crate) const MAX_COST: f32 = 20.0;
/// Costs become integers, as the solver wants exact arithmetic.
const SCALE: f32 = 1000.0;
/// The solver takes cubic time; a tangle of more tracks than this is taken greedily.
const MAX_TANGLE: usize = 80;

/// The best one-to-one assignment among `pairs`.
///
/// Only tracks and observations that share a pair are weighed against one another, so a crowd spread
/// over the frame costs the sum of its small tangles and not the cube of its size.
pub(crate) fn assign(tracks: usize, seen: usize, pairs: &[Pair]) -> Vec<(usize, usize)> {
    let mut parents: Vec<usize> = (0..tracks + seen).collect();
    for pair in pairs {
        let (a, b) = (root(&mut parents, pair.track), root(&mut parents, tracks + pair.seen));
        parents[a.max(b)] = a.min(b);
    }
    let mut sorted: Vec<(usize, Pair)> = pairs
        .iter()
        .filter(|pair| pair.cost < MAX_COST)
        .map(|pair| (root(&mut parents, pair.track), *pair))
        .collect();
    sorted.sort_by_key(|(root, _)| *root);
    sorted.chunk_by(|a, b| a.0 == b.0).flat_map(solve).collect()
}

fn root(parents: &mut [usize], mut index: usize) -> usize {
    while parents[index] != index {
        parents[index] = parents[parents[index]];
        index = parents[index];
    }
    index
}

fn solve(tangle: &[(usize, Pair)]) -> Vec<(usize, usize)> {
    if let [(_, pair)] = tangle {
        return vec![(pair.track, pair.seen)];
    }
    let mut rows: Vec<usize> = tangle.iter().map(|(_, pair)| pair.track).collect();
    let mut columns: Vec<usize> = tangle.iter().map(|(_, pair)| pair.seen).collect();
    for side in [&mut rows, &mut columns] {
        side.sort_unstable();
        side.dedup();
    }
    if rows.len() > MAX_TANGLE || columns.len() > MAX_TANGLE {
        return greedy(tangle);
    }
    // A column per row stands for "nothing", worth 0; so any assignment is complete.
    let mut weights = Matrix::new(rows.len(), columns.len() + rows.len(), 0_i64);
    for (_, pair) in tangle {
        if let (Ok(row), Ok(column)) = (rows.binary_search(&pair.track), columns.binary_search(&pair.seen)) {
            weights[(row, column)] = ((MAX_COST - pair.cost) * SCALE) as i64;
        }
    }
    let (_, chosen) = kuhn_munkres(&weights);
    let made = chosen.iter().enumerate().filter(|&(row, &column)| weights[(row, column)] > 0);
    made.map(|(row, &column)| (rows[row], columns[column])).collect()
}

fn greedy(tangle: &[(usize, Pair)]) -> Vec<(usize, usize)> {
    let mut pairs: Vec<Pair> = tangle.iter().map(|(_, pair)| *pair).collect();
    pairs.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    let (mut tracks, mut seen) = (std::collections::HashSet::new(), std::collections::HashSet::new());
    pairs.retain(|pair| {
        !tracks.contains(&pair.track) && !seen.contains(&pair.seen) && {
            tracks.insert(pair.track);
            seen.insert(pair.seen)
        }
    });
    pairs.iter().map(|pair| (pair.track, pair.seen)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(track: usize, seen: usize, cost: f32) -> Pair {
        Pair { track, seen, cost }
    }

    #[test]
    fn the_sum_counts_and_not_the_first_come() {
        let mut made = assign(3, 3, &[pair(0, 0, 1.0), pair(0, 1, 2.0), pair(1, 0, 1.5), pair(2, 2, 25.0)]);
        made.sort_unstable();
        assert_eq!(made, vec![(0, 1), (1, 0)]);
    }

    #[test]
    fn a_large_tangle_is_still_one_to_one() {
        let pairs: Vec<Pair> =
            (0..100).flat_map(|t| (0..100).map(move |s| pair(t, s, ((t * 7 + s * 3) % 19) as f32))).collect();
        let made = assign(100, 100, &pairs);
        let seen: std::collections::HashSet<_> = made.iter().map(|(_, s)| s).collect();
        assert_eq!((made.len(), seen.len()), (100, 100));
    }
}
