//! Pages of lists that are read whole: they are short, and a page of them is a part of what was read.

use offramp_app::Result;

use crate::{Call, cursor};

/// Rows on such a page at most, and unless asked otherwise.
pub(crate) const MAX_PART: usize = 1_000;

impl Call<'_> {
    /// The part of a list that the request asks for, and the cursor of the next; `key` names an item within the list,
    /// and the items are answered in the order of their keys.
    pub(crate) fn part<I>(
        &self,
        bound: &[&str],
        mut items: Vec<I>,
        key: impl Fn(&I) -> String,
    ) -> Result<(Vec<I>, Option<String>)> {
        let after = self.after(bound)?;
        let limit = self.limit(MAX_PART, MAX_PART)?;
        items.sort_by_cached_key(&key);
        if let Some(after) = after {
            items.retain(|item| key(item) > after);
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(key);
        let cursor = next.map(|next| cursor::write(&self.org, bound, &next));
        Ok((items, cursor))
    }
}
