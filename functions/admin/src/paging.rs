//! Pages of short lists. Such a list is read as a whole, and a page is a part of it.

use offramp_app::Result;

use crate::{Call, cursor};

/// Rows on such a page, at most and by default.
pub(crate) const MAX_PART: usize = 1_000;

impl Call<'_> {
    /// The requested part of a list, and the cursor of the next part. `key` gives the key of an item within the list;
    /// items are answered in the order of their keys.
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
