//! From zoom, pan and tilt to the part of the sensor that is shown.

use crate::{Area, ControlSet};

/// Width to height of most sensors of camera modules; for those whose size is not known.
pub const DEFAULT_SENSOR: Shape = Shape {
    width: 4,
    height: 3,
};

/// Something with a width and a height, in any unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Width, above 0.
    pub width: u32,
    /// Height, above 0.
    pub height: u32,
}

impl Shape {
    fn ratio(self) -> f64 {
        f64::from(self.width.max(1)) / f64::from(self.height.max(1))
    }
}

impl ControlSet {
    /// The part of the sensor that is to be shown; `None` is the largest centred one of the picture's shape, which
    /// the program chooses by itself. The box is stretched to the picture, so a zoomed one has the picture's shape.
    #[must_use]
    pub fn area(&self, sensor: Shape, picture: Shape) -> Option<Area> {
        if let Some(area) = self.area_of("roi") {
            return Some(area);
        }
        let [zoom, pan, tilt] = ["zoom", "pan", "tilt"].map(|name| self.number(name));
        let zoom = zoom.unwrap_or(1.0);
        if zoom <= 1.0 && pan.is_none_or(|x| x == 0.0) && tilt.is_none_or(|y| y == 0.0) {
            return None;
        }
        let relative = picture.ratio() / sensor.ratio();
        let (width, height) = if relative > 1.0 {
            (1.0, 1.0 / relative)
        } else {
            (relative, 1.0)
        };
        let (width, height) = (width / zoom, height / zoom);
        // Pan and tilt use all of the sensor, also what the centred picture leaves out.
        let place =
            |size: f64, shift: Option<f64>| (1.0 - size) * (1.0 + shift.unwrap_or(0.0)) / 2.0;
        Some(Area {
            x: place(width, pan),
            y: place(height, tilt),
            width,
            height,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;
    use serde_json::json;

    const VGA: Shape = Shape {
        width: 640,
        height: 480,
    };
    const HD: Shape = Shape {
        width: 1280,
        height: 720,
    };

    fn check(patch: serde_json::Value, sensor: Shape, picture: Shape, want: Option<[f64; 4]>) {
        let set = ControlSet::default()
            .changed(patch.as_object().unwrap(), Class::Board)
            .unwrap();
        let area = set
            .area(sensor, picture)
            .map(|a| [a.x, a.y, a.width, a.height]);
        let near = match (area, want) {
            (Some(a), Some(b)) => a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9),
            (a, b) => a == b,
        };
        assert!(near, "{patch}: {area:?}");
    }

    #[test]
    fn zoomed_boxes_have_the_pictures_shape() {
        check(json!({}), DEFAULT_SENSOR, VGA, None);
        check(json!({"zoom": 1}), DEFAULT_SENSOR, HD, None);
        check(
            json!({"zoom": 2}),
            DEFAULT_SENSOR,
            VGA,
            Some([0.25, 0.25, 0.5, 0.5]),
        );
        check(
            json!({"zoom": 2, "pan": 1, "tilt": -1}),
            DEFAULT_SENSOR,
            VGA,
            Some([0.5, 0.0, 0.5, 0.5]),
        );
        // A wide picture from a 4:3 sensor: three quarters of its height.
        check(
            json!({"zoom": 2}),
            DEFAULT_SENSOR,
            HD,
            Some([0.25, 0.3125, 0.5, 0.375]),
        );
        // What the centred picture leaves out can be reached without zoom.
        check(
            json!({"tilt": 1}),
            DEFAULT_SENSOR,
            HD,
            Some([0.0, 0.25, 1.0, 0.75]),
        );
        check(
            json!({"roi": {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}}),
            DEFAULT_SENSOR,
            HD,
            Some([0.1, 0.2, 0.3, 0.4]),
        );
    }
}
