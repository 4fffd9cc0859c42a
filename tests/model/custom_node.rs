//! The example of a node outside the library runs.

#[allow(dead_code, reason = "the example prints the angles")]
#[path = "../../examples/custom_node.rs"]
mod example;

#[test]
fn a_node_outside_the_library_moves_a_bend() {
    // A period of twelve latent frames.
    let angles = example::angles(3.0, 5).expect("it runs");
    assert_eq!(angles.len(), 15);
    assert!(angles[..12].windows(2).all(|pair| pair[0] < pair[1]), "{angles:?}");
    assert!(angles[12] < angles[1] && angles[12] < angles[13], "{angles:?}");
}
