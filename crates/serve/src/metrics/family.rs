//! Figures on their way out: families of samples, gathered for one scrape and forgotten with it.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Unit,
};

use super::tally::Times;

/// All families of one scrape.
#[derive(Debug, Default)]
pub(super) struct Families(Vec<Family>);

/// What all samples of a name have in common.
#[derive(Debug)]
pub(super) struct Family {
    /// As OpenMetrics has it: without unit and without `_total`.
    name: &'static str,
    unit: Option<Unit>,
    help: &'static str,
    kind: MetricType,
    samples: Vec<(Labels, Value)>,
}

type Labels = Vec<(&'static str, String)>;

/// What a sample says.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Of a counter.
    Count(u64),
    /// Of a counter of seconds.
    Seconds(f64),
    Gauge(f64),
    Times(Times),
    Info,
}

impl Value {
    /// Exact up to 2^53, which is far beyond all that is told so.
    #[expect(clippy::cast_precision_loss, reason = "sizes and small numbers")]
    pub(super) fn of(number: u64) -> Self {
        Self::Gauge(number as f64)
    }

    pub(super) fn flag(is_so: bool) -> Self {
        Self::Gauge(f64::from(u8::from(is_so)))
    }
}

impl Families {
    /// A family of counters.
    pub(super) fn counter(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.add(name, help, MetricType::Counter)
    }

    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.add(name, help, MetricType::Gauge)
    }

    pub(super) fn histogram(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.add(name, help, MetricType::Histogram)
    }

    pub(super) fn info(&mut self, name: &'static str, help: &'static str) -> &mut Family {
        self.add(name, help, MetricType::Info)
    }

    fn add(&mut self, name: &'static str, help: &'static str, kind: MetricType) -> &mut Family {
        self.0.push(Family {
            name,
            unit: None,
            help,
            kind,
            samples: Vec::new(),
        });
        self.0.last_mut().expect("just pushed")
    }
}

impl Family {
    pub(super) fn bytes(&mut self) -> &mut Self {
        self.unit = Some(Unit::Bytes);
        self
    }

    pub(super) fn seconds(&mut self) -> &mut Self {
        self.unit = Some(Unit::Seconds);
        self
    }

    pub(super) fn celsius(&mut self) -> &mut Self {
        self.unit = Some(Unit::Celsius);
        self
    }

    /// The only sample.
    pub(super) fn one(&mut self, value: Value) {
        self.samples.push((Vec::new(), value));
    }

    /// The only sample, where it is known.
    pub(super) fn maybe(&mut self, value: Option<Value>) {
        self.samples.extend(value.map(|value| (Vec::new(), value)));
    }

    /// One more sample.
    pub(super) fn with(&mut self, labels: &[(&'static str, &str)], value: Value) {
        let labels = labels
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        self.samples.push((labels.collect(), value));
    }
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in &self.0 {
            let mut encoder = encoder.encode_descriptor(
                family.name,
                family.help,
                family.unit.as_ref(),
                family.kind,
            )?;
            for (labels, value) in &family.samples {
                if labels.is_empty() || matches!(value, Value::Info) {
                    write(&mut encoder, labels, value)?;
                } else {
                    write(&mut encoder.encode_family(labels)?, labels, value)?;
                }
            }
        }
        Ok(())
    }
}

fn write(encoder: &mut MetricEncoder<'_>, labels: &Labels, value: &Value) -> fmt::Result {
    match value {
        Value::Count(count) => encoder.encode_counter::<NoLabelSet, _, u64>(count, None),
        Value::Seconds(seconds) => encoder.encode_counter::<NoLabelSet, _, u64>(seconds, None),
        Value::Gauge(value) => encoder.encode_gauge(value),
        Value::Times(Times {
            sum_s,
            count,
            buckets,
        }) => encoder.encode_histogram::<NoLabelSet>(*sum_s, *count, buckets, None),
        Value::Info => encoder.encode_info(labels),
    }
}
