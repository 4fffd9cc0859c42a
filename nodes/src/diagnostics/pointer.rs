//! JSON pointers (RFC 6901): the place of a problem.

use std::borrow::Cow;

/// Appends keys to a pointer. `~` and `/` in keys become `~0` and `~1`.
pub(crate) fn join<const N: usize>(pointer: &str, keys: [&str; N]) -> String {
    let mut joined = pointer.to_owned();
    for key in keys {
        joined.push('/');
        joined.push_str(&escaped(key));
    }
    joined
}

/// The keys of a pointer.
pub(crate) fn keys(pointer: &str) -> impl Iterator<Item = Cow<'_, str>> {
    pointer.split('/').skip(1).map(unescaped)
}

fn escaped(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) { key.replace('~', "~0").replace('/', "~1").into() } else { key.into() }
}

fn unescaped(key: &str) -> Cow<'_, str> {
    if key.contains('~') { key.replace("~1", "/").replace("~0", "~").into() } else { key.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back_as_they_were_joined() {
        for key in ["a", "", "a/b~c", "~1", "~", "/", "ü 0"] {
            let pointer = join("/nodes", [key, "params"]);
            assert_eq!(keys(&pointer).collect::<Vec<_>>(), ["nodes", key, "params"]);
        }
        assert_eq!(join("", ["nodes", "a/b~c"]), "/nodes/a~1b~0c");
        assert_eq!(keys("").count(), 0);
    }
}
