//! Automatic layout: nodes in columns, cables from left to right.

use std::collections::{BTreeMap, BTreeSet};

use bendrack_nodes::patch::Patch;

use super::def_of;
use crate::ui::theme;

/// The sizes of nodes at 100 % and the gaps between them.
pub struct Sizes<'a> {
    /// The width of every node.
    pub width: f64,
    /// The height of a node.
    pub height: &'a dyn Fn(&str) -> f64,
    /// The gaps between columns and between nodes.
    pub gap: [f64; 2],
}

/// The places of all nodes. No two overlap, and all cables but feedback go from left to right.
pub fn arrange(patch: &Patch, sizes: &Sizes<'_>) -> BTreeMap<String, [f64; 2]> {
    let cables = forward(patch);
    let column = columns(patch, &cables);
    let rows = order(patch, &cables, &column);
    let mut places = BTreeMap::new();
    let heights: Vec<f64> =
        rows.iter().map(|ids| ids.iter().map(|id| (sizes.height)(id) + sizes.gap[1]).sum()).collect();
    let tallest = heights.iter().copied().fold(0.0, f64::max);
    for (i, ids) in rows.iter().enumerate() {
        let x = i as f64 * (sizes.width + sizes.gap[0]);
        let mut y = ((tallest - heights[i]) / 2.0 / 8.0).round() * 8.0;
        for id in ids {
            places.insert((*id).to_owned(), [x, y]);
            y += (sizes.height)(id) + sizes.gap[1];
        }
    }
    places
}

/// The cables that are not feedback, as pairs of nodes.
fn forward(patch: &Patch) -> BTreeSet<(&str, &str)> {
    let late = |node: &str, port: &str| {
        let def = patch.nodes.get(node).and_then(|node| def_of(&node.kind));
        def.and_then(|def| def.output(port)).is_some_and(|(_, output)| output.latency.is_some())
    };
    let known = |node: &str| patch.nodes.contains_key(node);
    patch
        .cables
        .iter()
        .filter(|cable| known(&cable.from.node) && known(&cable.to.node) && cable.from.node != cable.to.node)
        .filter(|cable| !late(&cable.from.node, &cable.from.port))
        .map(|cable| (cable.from.node.as_str(), cable.to.node.as_str()))
        .collect()
}

/// The column of each node: right of its rightmost source, and as near to its targets as possible.
fn columns<'p>(patch: &'p Patch, cables: &BTreeSet<(&'p str, &'p str)>) -> BTreeMap<&'p str, usize> {
    let mut column: BTreeMap<&str, usize> = patch.nodes.keys().map(|id| (id.as_str(), 0)).collect();
    // One pass per node is enough without loops, and bounds the work with loops.
    for _ in 0..patch.nodes.len() {
        let before = column.clone();
        for (from, to) in cables {
            column.insert(to, column[to].max((column[from] + 1).min(patch.nodes.len())));
        }
        if column == before {
            break;
        }
    }
    for _ in 0..patch.nodes.len() {
        let before = column.clone();
        for &id in before.keys() {
            let nearest = cables.iter().filter(|(from, _)| *from == id).map(|(_, to)| column[to]).min();
            column.insert(id, column[id].max(nearest.unwrap_or(0).saturating_sub(1)));
        }
        if column == before {
            break;
        }
    }
    column
}

/// The nodes of each column from top to bottom, each near its neighbours.
fn order<'p>(
    patch: &'p Patch,
    cables: &BTreeSet<(&'p str, &'p str)>,
    column: &BTreeMap<&'p str, usize>,
) -> Vec<Vec<&'p str>> {
    let mut rows: Vec<Vec<&str>> = vec![Vec::new(); column.values().max().map_or(0, |last| last + 1)];
    for id in patch.nodes.keys() {
        rows[column[id.as_str()]].push(id);
    }
    rows.retain(|ids| !ids.is_empty());
    // Sweeps as in Sugiyama's method: each column is sorted by the mean row of its neighbours.
    for _ in 0..4 {
        sweep(&mut rows, cables);
        rows.reverse();
        sweep(&mut rows, cables);
        rows.reverse();
    }
    rows
}

fn sweep(rows: &mut [Vec<&str>], cables: &BTreeSet<(&str, &str)>) {
    for i in 1..rows.len() {
        let (before, rest) = rows.split_at_mut(i);
        let place: BTreeMap<&str, f64> = before
            .iter()
            .flat_map(|ids| ids.iter().enumerate().map(|(row, id)| (*id, row as f64 - ids.len() as f64 / 2.0)))
            .collect();
        let mean = |id: &str| {
            let joined = cables.iter().filter_map(|(from, to)| match id {
                id if id == *to => place.get(from),
                id if id == *from => place.get(to),
                _ => None,
            });
            let (sum, count) = joined.fold((0.0, 0), |(sum, count), row| (sum + row, count + 1));
            if count == 0 { 0.0 } else { sum / f64::from(count) }
        };
        rest[0].sort_by(|a, b| mean(a).total_cmp(&mean(b)));
    }
}

/// A free place to the left of a node.
pub fn place_beside(patch: &Patch, id: &str) -> [f64; 2] {
    let [x, y] = patch.layout.get(id).map(|place| place.pos).unwrap_or_default();
    free_place(patch, [x - f64::from(theme::NODE_WIDTH) - theme::GAP[0], y])
}

/// A free place at a point, or below it.
pub fn free_place(patch: &Patch, [x, y]: [f64; 2]) -> [f64; 2] {
    let width = f64::from(theme::NODE_WIDTH);
    // The height of the largest node that is added so.
    let height = f64::from(theme::ROW) * 10.0;
    let taken = |y: f64| {
        patch.layout.values().any(|place| (place.pos[0] - x).abs() < width && (place.pos[1] - y).abs() < height)
    };
    let rows = std::iter::successors(Some(y), |y| Some(y + height));
    let y = rows.take(1000).find(|y| !taken(*y)).unwrap_or(y);
    [x, y]
}

#[cfg(test)]
mod tests {
    use bendrack_nodes::LIBRARY;
    use bendrack_nodes::patch::{Cable, Node};
    use proptest::prelude::*;

    use super::*;

    const WIDTH: f64 = 200.0;

    fn height(id: &str) -> f64 {
        80.0 + 24.0 * (id.len() % 5) as f64
    }

    fn check(patch: &Patch) {
        let places = arrange(patch, &Sizes { width: WIDTH, height: &height, gap: [64.0, 24.0] });
        assert_eq!(places.len(), patch.nodes.len());
        let all: Vec<_> = places.iter().collect();
        for (i, (a, [ax, ay])) in all.iter().enumerate() {
            for (b, [bx, by]) in &all[..i] {
                let apart = ax + WIDTH <= *bx || bx + WIDTH <= *ax || ay + height(a) <= *by || by + height(b) <= *ay;
                assert!(apart, "{a} and {b} overlap");
            }
        }
    }

    #[test]
    fn the_first_bend_goes_from_left_to_right_without_overlaps() {
        let patch = Patch::from_json(include_str!("../../../patches/first_bend.json")).unwrap();
        check(&patch);
        let places = arrange(&patch, &Sizes { width: WIDTH, height: &height, gap: [64.0, 24.0] });
        for cable in &patch.cables {
            assert!(places[&cable.from.node][0] < places[&cable.to.node][0], "{} → {}", cable.from, cable.to);
        }
        // The LFO is beside its target, not in the first column.
        assert!(places["rotate"][0] - places["lfo"][0] < 2.0 * WIDTH);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn no_nodes_overlap_even_with_loops(pairs in prop::collection::vec((0..12_u8, 0..12_u8), 0..40)) {
            let mut patch = Patch::default();
            for i in 0..12 {
                let node = Node { kind: LIBRARY[0].name.to_owned(), ..Node::default() };
                patch.nodes.insert(format!("{}{i}", "n".repeat(1 + i % 5)), node);
            }
            let ids: Vec<String> = patch.nodes.keys().cloned().collect();
            for (a, b) in pairs {
                let port = |i: u8, port: &str| format!("{}.{port}", ids[usize::from(i)]).parse().unwrap();
                patch.cables.push(Cable::new(port(a, "out"), port(b, "value")));
            }
            check(&patch);
        }
    }
}
