//! The site: what stands where. A document with bounds, kept as it is and checked when it comes.

use std::collections::BTreeSet;

use hub::CameraId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;

/// Cameras that are placed.
const MOST_CAMERAS: usize = 64;
/// Metres from the middle.
const FAR_M: f64 = 10_000.0;

/// What stands where on the site. Metres; y is up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Site {
    /// Counts its changes. A change has to name the one it is about, so that nobody's work is lost.
    revision: u32,
    /// What it stands on.
    #[serde(default)]
    ground: Ground,
    /// The cameras that have a place.
    #[serde(default)]
    cameras: Vec<Placed>,
}

/// What the cameras stand on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ground {
    /// What is shown.
    kind: GroundKind,
    /// Width of a floor plan; a model is shown as large as it is, times `scale`.
    #[schema(example = 20.0)]
    width_m: f64,
    /// For a model that was made in other units.
    #[schema(example = 1.0)]
    scale: f64,
    /// Around the vertical axis.
    #[schema(example = 0.0)]
    turn_deg: f64,
}

impl Default for Ground {
    fn default() -> Self {
        Self {
            kind: GroundKind::Grid,
            width_m: 20.0,
            scale: 1.0,
            turn_deg: 0.0,
        }
    }
}

/// What the cameras stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GroundKind {
    /// Lines, a metre apart.
    Grid,
    /// The floor plan.
    Plan,
    /// The model of the house.
    House,
}

/// A camera and its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Placed {
    /// Id of the camera.
    #[schema(example = "main")]
    camera: String,
    /// How its picture is shown.
    kind: PlacedKind,
    /// Where it is.
    #[schema(min_items = 3, max_items = 3, example = json!([2.0, 2.4, -1.5]))]
    at_m: [f64; 3],
    /// To the left of looking along -z.
    #[schema(example = 45.0)]
    yaw_deg: f64,
    /// Up is positive.
    #[schema(example = -20.0)]
    pitch_deg: f64,
    /// Leaning.
    #[serde(default)]
    roll_deg: f64,
    /// Width of a screen.
    #[schema(example = 1.6)]
    width_m: f64,
    /// What the lens sees from left to right.
    #[schema(example = 62.0)]
    angle_deg: f64,
    /// How far the picture of a frustum is thrown.
    #[schema(example = 8.0)]
    reach_m: f64,
}

/// How the picture of a camera is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PlacedKind {
    /// On a screen that stands there.
    Screen,
    /// Thrown into the scene from where the camera is.
    Frustum,
}

impl Site {
    /// Keeps what `may_see` says yes to.
    pub(crate) fn seen_by(mut self, may_see: impl Fn(&str) -> bool) -> Self {
        self.cameras.retain(|placed| may_see(&placed.camera));
        self
    }

    /// This, in the place of `old`; what the writer cannot see stays as it is.
    pub(crate) fn in_place_of(
        mut self,
        old: Self,
        may_see: impl Fn(&str) -> bool,
    ) -> Result<Self, Problem> {
        self.check()?;
        if self.revision != old.revision {
            return Err(Problem::new(
                axum::http::StatusCode::CONFLICT,
                "Somebody else has changed the site since: load it again.",
            ));
        }
        self.cameras.retain(|placed| may_see(&placed.camera));
        let hidden = old.cameras.into_iter();
        self.cameras
            .extend(hidden.filter(|placed| !may_see(&placed.camera)));
        self.revision = old.revision.wrapping_add(1);
        Ok(self)
    }

    fn check(&self) -> Result<(), Problem> {
        let within = |key: &str, value: f64, least: f64, most: f64| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                let problem = format!("has to be from {least} to {most}.");
                Err(Problem::with_key(key.to_owned(), problem))
            }
        };
        within("ground.width_m", self.ground.width_m, 0.5, FAR_M)?;
        within("ground.scale", self.ground.scale, 0.0001, FAR_M)?;
        within("ground.turn_deg", self.ground.turn_deg, -360.0, 360.0)?;
        if self.cameras.len() > MOST_CAMERAS {
            let problem = format!("at most {MOST_CAMERAS} are placed.");
            return Err(Problem::with_key("cameras".to_owned(), problem));
        }
        let mut ids = BTreeSet::new();
        for (i, placed) in self.cameras.iter().enumerate() {
            let key = |name: &str| format!("cameras[{i}].{name}");
            if placed.camera.parse::<CameraId>().is_err() {
                let problem = "is no id of a camera.".to_owned();
                return Err(Problem::with_key(key("camera"), problem));
            }
            if !ids.insert(&placed.camera) {
                let problem = "has a place already.".to_owned();
                return Err(Problem::with_key(key("camera"), problem));
            }
            for value in placed.at_m {
                within(&key("at_m"), value, -FAR_M, FAR_M)?;
            }
            within(&key("yaw_deg"), placed.yaw_deg, -360.0, 360.0)?;
            within(&key("pitch_deg"), placed.pitch_deg, -90.0, 90.0)?;
            within(&key("roll_deg"), placed.roll_deg, -180.0, 180.0)?;
            within(&key("width_m"), placed.width_m, 0.1, 100.0)?;
            within(&key("angle_deg"), placed.angle_deg, 5.0, 150.0)?;
            within(&key("reach_m"), placed.reach_m, 0.5, 1000.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse as _;
    use serde_json::{Value, json};

    fn site(revision: u32, ids: &[&str]) -> Value {
        let placed = |id: &&str| json!({"camera": id, "kind": "screen", "at_m": [0, 1, 2], "yaw_deg": 0, "pitch_deg": 0, "width_m": 1.6, "angle_deg": 60, "reach_m": 8});
        json!({"revision": revision, "cameras": ids.iter().map(placed).collect::<Vec<_>>()})
    }

    fn parse(value: Value) -> Site {
        serde_json::from_value(value).unwrap()
    }

    fn ids(site: &Site) -> Vec<&str> {
        site.cameras.iter().map(|p| &*p.camera).collect()
    }

    #[test]
    fn what_is_not_seen_is_not_shown_and_not_lost() {
        let all = parse(site(7, &["main", "yard"]));
        let may_see = |id: &str| id == "main";
        assert_eq!(ids(&all.clone().seen_by(may_see)), ["main"]);
        let changed = parse(site(7, &["yard"])).in_place_of(all.clone(), may_see);
        let changed = changed.unwrap();
        assert_eq!((ids(&changed), changed.revision), (vec!["yard"], 8));
        assert_eq!(changed.cameras[0], all.cameras[1]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (pointer, value, status) in [
            ("/revision", json!(1), 409),
            ("/cameras/0/at_m/1", json!(1e9), 422),
            ("/cameras/0/pitch_deg", json!(91), 422),
            ("/cameras/0/angle_deg", json!(0), 422),
            ("/cameras/0/camera", json!("../x"), 422),
            ("/cameras/1/camera", json!("main"), 422),
        ] {
            let mut wanted = site(0, &["main", "yard"]);
            *wanted.pointer_mut(pointer).unwrap() = value;
            let problem = parse(wanted).in_place_of(Site::default(), |_| true);
            let got = problem.unwrap_err().into_response().status();
            assert_eq!(got, status, "{pointer}");
        }
        let many: Vec<String> = (0..=MOST_CAMERAS).map(|i| format!("c{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(
            parse(site(0, &many))
                .in_place_of(Site::default(), |_| true)
                .is_err()
        );
    }
}
