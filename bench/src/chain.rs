//! Calls in a row: how many round trips an invocation waits for, one after the other.

/// The longest chain of calls in which each began after the one before it had ended: their places in `calls`, in the
/// order of time. A call is the instants of its beginning and its end; one that never ended has nothing after it.
///
/// Of several chains of the same length it is the one that ends first. Calls that were made together overlap, and one
/// of them at most is in it: so its length is how many times the latency of a call is waited for, as long as calls take
/// about as long as each other.
///
/// A chain is a set of intervals no two of which overlap. To take, again and again, the one that ends first among those
/// that begin late enough gives the largest (Kleinberg and Tardos, *Algorithm Design*, 4.1).
pub(crate) fn longest<T: Copy + Ord>(calls: &[(T, Option<T>)]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..calls.len()).collect();
    // Those that never ended come last.
    places.sort_by_key(|place| (calls[*place].1.is_none(), calls[*place].1, calls[*place].0));
    let mut chain = Vec::new();
    let mut last = None;
    for place in places {
        let (begun, ended) = calls[place];
        if last.is_some_and(|last| begun < last) {
            continue;
        }
        chain.push(place);
        match ended {
            Some(ended) => last = Some(ended),
            None => break,
        }
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(calls: &[(u32, u32)]) -> Vec<(u32, Option<u32>)> {
        calls
            .iter()
            .map(|(begun, ended)| (*begun, Some(*ended)))
            .collect()
    }

    #[test]
    fn calls_that_wait_for_each_other_are_in_a_row() {
        /// What is shown, begin and end of each call, and which of them are the chain.
        type Row<'a> = (&'a str, &'a [(u32, u32)], &'a [usize]);
        let table: [Row<'_>; 8] = [
            ("nothing", &[], &[]),
            ("one", &[(3, 7)], &[0]),
            (
                "one after the other",
                &[(0, 4), (5, 9), (9, 13)],
                &[0, 1, 2],
            ),
            ("all at once", &[(0, 4), (1, 5), (2, 6)], &[0]),
            (
                "two at once between two",
                &[(0, 4), (5, 9), (5, 10), (11, 15)],
                &[0, 1, 3],
            ),
            (
                "two at once that take different times",
                &[(0, 4), (0, 9), (5, 8), (9, 12)],
                &[0, 2, 3],
            ),
            (
                "one beside all others",
                &[(0, 20), (0, 4), (5, 9), (10, 14)],
                &[1, 2, 3],
            ),
            (
                "written down in another order",
                &[(10, 14), (0, 4), (5, 9)],
                &[1, 2, 0],
            ),
        ];
        for (what, calls, chain) in table {
            assert_eq!(longest(&ended(calls)), chain, "{what}");
        }
    }

    #[test]
    fn nothing_comes_after_a_call_that_never_ended() {
        assert_eq!(longest(&[(0, Some(4)), (5, None), (6, None)]), [0, 1]);
        assert_eq!(
            longest(&[(0, None), (1, Some(4)), (5, Some(9)), (8, None)]),
            [1, 2]
        );
        assert_eq!(longest(&[(7, None::<u32>)]), [0]);
    }

    /// The same by trying everything: the longest chain that ends with each call.
    fn tried(calls: &[(u32, Option<u32>)]) -> usize {
        let mut order: Vec<usize> = (0..calls.len()).collect();
        order.sort_by_key(|place| calls[*place].0);
        let mut lengths = vec![1; calls.len()];
        for (at, later) in order.iter().enumerate() {
            for earlier in &order[..at] {
                let before = calls[*earlier].1.is_some_and(|end| end <= calls[*later].0);
                if before {
                    lengths[*later] = lengths[*later].max(lengths[*earlier] + 1);
                }
            }
        }
        lengths.into_iter().max().unwrap_or_default()
    }

    #[test]
    fn no_chain_is_longer() {
        // A linear congruential generator: the same calls in every run.
        let mut state = 1_u32;
        let mut next = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        for _ in 0..500 {
            let count = next(24);
            let calls: Vec<(u32, Option<u32>)> = (0..count)
                .map(|_| {
                    let begun = next(60);
                    let took = 1 + next(20);
                    (begun, (next(10) > 0).then_some(begun + took))
                })
                .collect();
            let chain = longest(&calls);
            assert_eq!(chain.len(), tried(&calls), "{calls:?}");
            for pair in chain.windows(2) {
                assert!(
                    calls[pair[0]].1.is_some_and(|end| end <= calls[pair[1]].0),
                    "{calls:?} {chain:?}"
                );
            }
        }
    }
}
