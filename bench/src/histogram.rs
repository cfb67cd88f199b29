//! A histogram of nanoseconds in a fixed log-linear array: recording is an increment, never an allocation.

/// Buckets per power of two: a value is known to 1/64, that is 1.6 %.
const STEPS: u64 = 64;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Values up to 2^40 ns (18 minutes) have their bucket; longer ones share the last.
const MAX_BITS: u32 = 40;
const BUCKETS: usize = ((MAX_BITS - STEP_BITS + 1) as usize) << STEP_BITS;

/// Counts values by size; answers percentiles.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS].into_boxed_slice(),
            total: 0,
            max: 0,
        }
    }
}

impl Histogram {
    /// Adds one value.
    pub fn record(&mut self, value: u64) {
        self.counts[bucket(value)] += 1;
        self.total += 1;
        self.max = self.max.max(value);
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
        self.max = 0;
    }

    /// How many values were recorded.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The largest value, exactly.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The value that `per_mille` thousandths of all values do not exceed (nearest rank), as the
    /// upper edge of its bucket. 0 when nothing was recorded.
    #[must_use]
    pub fn percentile(&self, per_mille: u64) -> u64 {
        let rank = (self.total * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            // The last bucket has no upper edge.
            if rank <= seen && index < BUCKETS - 1 {
                return upper_edge(index).min(self.max);
            }
        }
        self.max
    }
}

fn bucket(value: u64) -> usize {
    if value < STEPS {
        return index(value);
    }
    let top = 63 - value.leading_zeros();
    if MAX_BITS <= top {
        return BUCKETS - 1;
    }
    // The six bits below the top one choose the step inside the power of two.
    let shift = top - STEP_BITS;
    let step = (value >> shift) & (STEPS - 1);
    index(u64::from(shift + 1) * STEPS + step)
}

fn upper_edge(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let (power, step) = (bucket / STEPS, bucket % STEPS);
    if power == 0 {
        return step;
    }
    let shift = power - 1;
    ((STEPS + step + 1) << shift) - 1
}

fn index(value: u64) -> usize {
    usize::try_from(value).unwrap_or(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(values: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        values.into_iter().for_each(|value| histogram.record(value));
        histogram
    }

    #[test]
    fn small_values_are_exact() {
        let histogram = filled(1..=50);
        for (per_mille, expected) in [(500, 25), (900, 45), (990, 50), (1000, 50), (1, 1)] {
            assert_eq!(histogram.percentile(per_mille), expected, "{per_mille}");
        }
    }

    #[test]
    fn large_values_are_known_to_a_64th() {
        let histogram = filled((1..=100_000).map(|us| us * 1000));
        for (per_mille, exact) in [(500, 50_000_000), (900, 90_000_000), (990, 99_000_000)] {
            let got = histogram.percentile(per_mille);
            assert!(
                exact <= got && got <= exact + exact / 64,
                "{per_mille}: {got}"
            );
        }
        assert_eq!(histogram.max(), 100_000_000);
    }

    #[test]
    fn every_value_lies_in_its_bucket() {
        for value in (0..MAX_BITS).flat_map(|bit| [1 << bit, (1 << bit) + 1, (2_u64 << bit) - 1]) {
            let edge = upper_edge(bucket(value));
            assert!(
                value <= edge && edge <= value + value / STEPS,
                "{value}: {edge}"
            );
        }
    }

    #[test]
    fn one_slow_value_in_a_hundred_is_the_p99_and_a_half() {
        let histogram = filled((0..99).map(|_| 10).chain([5000]));
        assert_eq!(histogram.percentile(990), 10);
        assert_eq!(histogram.percentile(995), 5000);
    }

    #[test]
    fn empty_and_endless() {
        assert_eq!(filled([]).percentile(500), 0);
        assert_eq!(filled([u64::MAX]).percentile(500), u64::MAX);
        let mut histogram = filled([7]);
        histogram.clear();
        assert_eq!((histogram.total(), histogram.max()), (0, 0));
    }
}
