//! Whether a file is a glTF model in one piece (GLB) that a browser can load, without decoding it.
//!
//! Only lengths, counts and references are looked at: what would make a browser ask for other files, run for ever or take
//! memory without bound.

use std::io::{Read, Seek, SeekFrom};

use serde::{Deserialize, de::IgnoredAny};

use super::plan;

/// The description; models that people make have some hundred kilobytes of it.
const JSON_BYTES: u32 = 4 << 20;
/// Nodes, and as much of everything else that is listed.
const LISTED: usize = 20_000;
/// Numbers, vectors and indices, all together.
const ELEMENTS: u64 = 20_000_000;
const DEPTH: usize = 200;
/// So much of a texture is looked at for its size.
const LOOKED_AT: u64 = 128 * 1024;
/// Ways to pack a model that need programs which the page's rules do not let run.
const PACKED: [&str; 4] = [
    "KHR_draco_mesh_compression",
    "EXT_meshopt_compression",
    "KHR_meshopt_compression",
    "KHR_texture_basisu",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gltf {
    asset: Asset,
    #[serde(default)]
    scenes: Vec<Scene>,
    #[serde(default)]
    nodes: Vec<Node>,
    #[serde(default)]
    meshes: Vec<Mesh>,
    #[serde(default)]
    materials: Vec<IgnoredAny>,
    #[serde(default)]
    accessors: Vec<Accessor>,
    #[serde(default)]
    buffer_views: Vec<View>,
    #[serde(default)]
    buffers: Vec<Buffer>,
    #[serde(default)]
    images: Vec<Image>,
    #[serde(default)]
    extensions_required: Vec<String>,
}

#[derive(Deserialize)]
struct Asset {
    version: String,
}

#[derive(Deserialize)]
struct Scene {
    #[serde(default)]
    nodes: Vec<usize>,
}

#[derive(Deserialize)]
struct Node {
    #[serde(default)]
    children: Vec<usize>,
    mesh: Option<usize>,
}

#[derive(Deserialize)]
struct Mesh {
    primitives: Vec<Primitive>,
}

#[derive(Deserialize)]
struct Primitive {
    material: Option<usize>,
    indices: Option<usize>,
    attributes: std::collections::BTreeMap<String, usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accessor {
    buffer_view: Option<usize>,
    #[serde(default)]
    byte_offset: u64,
    component_type: u32,
    count: u64,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    buffer: usize,
    #[serde(default)]
    byte_offset: u64,
    byte_length: u64,
    byte_stride: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Buffer {
    byte_length: u64,
    uri: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    buffer_view: Option<usize>,
    uri: Option<IgnoredAny>,
}

/// Nothing, or a sentence for whoever sent it.
pub(super) fn check(file: &mut (impl Read + Seek), length: u64) -> Result<(), String> {
    let short = |_| "It ends in the middle.".to_owned();
    file.seek(SeekFrom::Start(0)).map_err(short)?;
    let mut head = [0; 12];
    file.read_exact(&mut head).map_err(short)?;
    if head[..4] != *b"glTF" {
        return Err("It is no GLB file: export it as glTF Binary (.glb).".to_owned());
    }
    let version = number(&head, 4);
    if version != 2 {
        return Err(format!("It is glTF {version}, and glTF 2 is understood."));
    }
    let said = u64::from(number(&head, 8));
    if said != length {
        return Err(format!(
            "It says that it has {said} bytes, and has {length}."
        ));
    }
    let (mut at, mut json, mut binary) = (12, None, None);
    while at < length {
        let mut head = [0; 8];
        file.read_exact(&mut head).map_err(short)?;
        let chunk = number(&head, 0);
        at += 8;
        if at + u64::from(chunk) > length {
            return Err("One of its parts is longer than the file.".to_owned());
        }
        match (&head[4..], &json, &binary) {
            (b"JSON", None, None) => {
                if chunk > JSON_BYTES {
                    let most = JSON_BYTES >> 20;
                    return Err(format!("Its description has more than {most} MiB."));
                }
                let mut text = Vec::new();
                file.by_ref()
                    .take(chunk.into())
                    .read_to_end(&mut text)
                    .map_err(short)?;
                let gltf: Gltf = serde_json::from_slice(&text)
                    .map_err(|error| format!("Its description cannot be read: {error}."))?;
                json = Some(gltf);
            }
            (_, None, _) => return Err("It does not begin with its description.".to_owned()),
            (b"BIN\0", _, None) => {
                binary = Some((at, u64::from(chunk)));
                file.seek_relative(chunk.into()).map_err(short)?;
            }
            // Other parts are to be ignored, as the format says.
            _ => file.seek_relative(chunk.into()).map_err(short)?,
        }
        at += u64::from(chunk);
    }
    let gltf = json.ok_or("It has no description.")?;
    let (start, bytes) = binary.unwrap_or((0, 0));
    gltf.check(bytes)?;
    for (i, image) in gltf.images.iter().enumerate() {
        let view = image
            .buffer_view
            .and_then(|view| gltf.buffer_views.get(view));
        let view = view.ok_or_else(|| format!("Image {i} is not in the file."))?;
        file.seek(SeekFrom::Start(start + view.byte_offset))
            .map_err(short)?;
        let mut looked_at = Vec::new();
        file.by_ref()
            .take(view.byte_length.min(LOOKED_AT))
            .read_to_end(&mut looked_at)
            .map_err(short)?;
        if let Some(size) = plan::dimensions(&looked_at) {
            plan::fits(size).map_err(|problem| format!("Image {i}: {problem}"))?;
        }
    }
    Ok(())
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    bytes.map_or(0, u32::from_le_bytes)
}

impl Gltf {
    fn check(&self, binary_bytes: u64) -> Result<(), String> {
        if !self.asset.version.starts_with("2.") {
            let version: String = self.asset.version.chars().take(8).collect();
            return Err(format!("It is glTF {version}, and glTF 2 is understood."));
        }
        if let Some(packed) = PACKED.iter().find(|name| {
            self.extensions_required
                .iter()
                .any(|wanted| wanted == *name)
        }) {
            return Err(format!(
                "It is packed with {packed}: export it without compression."
            ));
        }
        let lists = [
            self.scenes.len(),
            self.nodes.len(),
            self.meshes.len(),
            self.materials.len(),
            self.accessors.len(),
            self.buffer_views.len(),
            self.images.len(),
        ];
        if lists.iter().any(|length| *length > LISTED) {
            return Err(format!(
                "It has more than {LISTED} nodes, meshes or the like: join its parts before the export."
            ));
        }
        if self.buffers.iter().any(|buffer| buffer.uri.is_some())
            || self.images.iter().any(|image| image.uri.is_some())
        {
            return Err(
                "It refers to other files: export it as one file (glTF Binary, everything embedded)."
                    .to_owned(),
            );
        }
        self.check_data(binary_bytes)?;
        self.check_tree()
    }

    fn check_data(&self, binary_bytes: u64) -> Result<(), String> {
        let outside = |what: &str, i: usize| format!("{what} {i} is not within the file.");
        if self.buffers.len() > 1 {
            return Err("It has more than one buffer.".to_owned());
        }
        let buffer = self.buffers.first().map_or(0, |buffer| buffer.byte_length);
        if buffer > binary_bytes {
            return Err(outside("Buffer", 0));
        }
        for (i, view) in self.buffer_views.iter().enumerate() {
            let end = view.byte_offset.checked_add(view.byte_length);
            if view.buffer != 0 || end.is_none_or(|end| end > buffer) {
                return Err(outside("Buffer view", i));
            }
        }
        let mut elements = 0_u64;
        for (i, accessor) in self.accessors.iter().enumerate() {
            elements = elements.saturating_add(accessor.count);
            let Some(view) = accessor.buffer_view else {
                continue;
            };
            let size = accessor
                .element_bytes()
                .ok_or_else(|| format!("Accessor {i} is of an unknown kind."))?;
            let view = self.buffer_views.get(view);
            let fits = view.is_some_and(|view| {
                let stride = view.byte_stride.unwrap_or(size).max(size);
                let before_last = accessor.count.saturating_sub(1).checked_mul(stride);
                let end = before_last
                    .and_then(|bytes| bytes.checked_add(size))
                    .and_then(|bytes| bytes.checked_add(accessor.byte_offset));
                accessor.count == 0 || end.is_some_and(|end| end <= view.byte_length)
            });
            if !fits {
                return Err(outside("Accessor", i));
            }
        }
        if elements > ELEMENTS {
            return Err(format!(
                "It has more than {} million vertices and indices.",
                ELEMENTS / 1_000_000
            ));
        }
        for (i, mesh) in self.meshes.iter().enumerate() {
            for part in &mesh.primitives {
                let mut used = part.attributes.values().copied().chain(part.indices);
                if used.any(|accessor| accessor >= self.accessors.len())
                    || part.material.is_some_and(|m| m >= self.materials.len())
                {
                    return Err(format!("Mesh {i} refers to something that is not there."));
                }
            }
        }
        Ok(())
    }

    /// Every node has one parent at most, and none is its own ancestor.
    fn check_tree(&self) -> Result<(), String> {
        let mut parents = vec![0_u32; self.nodes.len()];
        for (i, node) in self.nodes.iter().enumerate() {
            if node.mesh.is_some_and(|mesh| mesh >= self.meshes.len()) {
                return Err(format!("Node {i} refers to a mesh that is not there."));
            }
            for child in &node.children {
                let count = parents
                    .get_mut(*child)
                    .ok_or_else(|| format!("Node {i} refers to a node that is not there."))?;
                *count += 1;
            }
        }
        let roots = self.scenes.iter().flat_map(|scene| &scene.nodes);
        for root in roots {
            if parents.get(*root) != Some(&0) {
                return Err(format!("Node {root} cannot be at the top of a scene."));
            }
        }
        if parents.iter().any(|count| *count > 1) {
            return Err("Its nodes are no tree.".to_owned());
        }
        let mut level: Vec<usize> = (0..parents.len()).filter(|i| parents[*i] == 0).collect();
        let (mut seen, mut depth) = (0, 0);
        while !level.is_empty() {
            seen += level.len();
            depth += 1;
            if depth > DEPTH || seen > self.nodes.len() {
                return Err("Its nodes are nested too deeply.".to_owned());
            }
            level = level
                .iter()
                .flat_map(|i| self.nodes[*i].children.iter().copied())
                .collect();
        }
        if seen == self.nodes.len() {
            Ok(())
        } else {
            Err("Its nodes are no tree.".to_owned())
        }
    }
}

impl Accessor {
    fn element_bytes(&self) -> Option<u64> {
        let component = match self.component_type {
            5120 | 5121 => 1,
            5122 | 5123 => 2,
            5125 | 5126 => 4,
            _ => return None,
        };
        let count = match &*self.kind {
            "SCALAR" => 1,
            "VEC2" => 2,
            "VEC3" => 3,
            "VEC4" | "MAT2" => 4,
            "MAT3" => 9,
            "MAT4" => 16,
            _ => return None,
        };
        Some(component * count)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::io::Cursor;

    /// A file of these two parts.
    pub(crate) fn glb(json: &Value, binary: &[u8]) -> Vec<u8> {
        let mut text = json.to_string().into_bytes();
        text.resize(text.len().next_multiple_of(4), b' ');
        let mut out = b"glTF\x02\0\0\0\0\0\0\0".to_vec();
        for (kind, bytes) in [(b"JSON", &text[..]), (b"BIN\0", binary)] {
            out.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
            out.extend(kind);
            out.extend(bytes);
        }
        let length = u32::try_from(out.len()).unwrap().to_le_bytes();
        out[8..12].copy_from_slice(&length);
        out
    }

    pub(crate) fn triangle() -> Value {
        json!({
            "asset": {"version": "2.0"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"children": [1]}, {"name": "Screen", "mesh": 0}],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
            "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
            "bufferViews": [{"buffer": 0, "byteLength": 36}],
            "buffers": [{"byteLength": 36}],
        })
    }

    fn said(bytes: &[u8]) -> String {
        check(&mut Cursor::new(bytes), bytes.len() as u64)
            .err()
            .unwrap_or_default()
    }

    #[test]
    fn a_whole_model_is_taken() {
        assert_eq!(said(&glb(&triangle(), &[0; 36])), "");
    }

    #[test]
    fn what_is_broken_is_said() {
        let whole = glb(&triangle(), &[0; 36]);
        for (bytes, want) in [
            (Vec::new(), "ends in the middle"),
            (b"{\"asset\":{}} and more".to_vec(), "no GLB file"),
            (whole[..whole.len() - 1].to_vec(), "says that it has"),
            ([&whole[..4], &[1, 0, 0, 0], &whole[8..]].concat(), "glTF 1"),
            (
                [&whole[..12], &u32::MAX.to_le_bytes(), &whole[16..]].concat(),
                "longer than the file",
            ),
            (b"glTF\x02\0\0\0\x0c\0\0\0".to_vec(), "no description"),
        ] {
            let said = said(&bytes);
            assert!(said.contains(want), "`{said}` does not say `{want}`");
        }
        for cut in 0..whole.len() {
            assert_ne!(said(&whole[..cut]), "", "cut at {cut}");
        }
    }

    #[test]
    fn what_does_not_fit_together_is_said() {
        for (pointer, value, want) in [
            ("/asset/version", json!("1.0"), "glTF 1.0"),
            ("/buffers/0/byteLength", json!(37), "Buffer 0"),
            ("/buffers/0/uri", json!("house.bin"), "other files"),
            (
                "/images",
                json!([{"uri": "https://evil/x.png"}]),
                "other files",
            ),
            ("/images", json!([{"bufferView": 9}]), "Image 0"),
            (
                "/bufferViews/0/byteLength",
                json!(u64::MAX),
                "Buffer view 0",
            ),
            (
                "/bufferViews/0/byteOffset",
                json!(u64::MAX),
                "Buffer view 0",
            ),
            ("/accessors/0/count", json!(4), "Accessor 0"),
            ("/accessors/0/count", json!(u64::MAX), "Accessor 0"),
            ("/accessors/0/type", json!("VEC9"), "unknown kind"),
            (
                "/accessors/1",
                json!({"componentType": 5126, "count": 99_000_000, "type": "SCALAR"}),
                "million",
            ),
            (
                "/meshes/0/primitives/0/attributes/POSITION",
                json!(5),
                "Mesh 0",
            ),
            ("/nodes/1/mesh", json!(1), "Node 1"),
            ("/nodes/1/children", json!([7]), "Node 1"),
            ("/nodes/1/children", json!([0]), "top of a scene"),
            ("/nodes/1/children", json!([1]), "no tree"),
            (
                "/extensionsRequired",
                json!(["KHR_draco_mesh_compression"]),
                "without compression",
            ),
            (
                "/nodes",
                json!(vec![json!({}); LISTED + 1]),
                "more than 20000",
            ),
            ("/nodes", json!("many"), "cannot be read"),
        ] {
            let mut json = triangle();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            match json.pointer_mut(parent).unwrap() {
                Value::Array(list) => {
                    let at: usize = key.parse().unwrap();
                    list.truncate(at);
                    list.push(value);
                }
                parent => parent[key] = value,
            }
            let said = said(&glb(&json, &[0; 36]));
            assert!(
                said.contains(want),
                "{pointer}: `{said}` does not say `{want}`"
            );
        }
        let deep: Vec<Value> = (1..=DEPTH + 2).map(|i| json!({"children": [i]})).collect();
        let mut json = triangle();
        json["nodes"] = Value::Array([deep, vec![json!({})]].concat());
        assert!(said(&glb(&json, &[0; 36])).contains("too deeply"));
    }
}
