//! A route and its description, from the same lines.
//!
//! The router is made at every start, the description only for whoever asks for the document: of all that a server does
//! when it starts, describing itself would take the most memory.

use axum::{
    Router,
    routing::{MethodFilter, MethodRouter},
};
use utoipa::openapi::{
    Components, HttpMethod, OpenApi as Document, RefOr, Schema, path::Operation,
};

use crate::state::App;

/// Every route, and for each path the function that describes it.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    router: Router<App>,
    describers: Vec<fn(&mut Description<'_>)>,
}

/// One path: how it is answered, and described. Made by [`routes!`].
pub(crate) struct Route {
    pub(crate) path: String,
    pub(crate) methods: MethodRouter<App>,
    pub(crate) describe: fn(&mut Description<'_>),
}

/// A document in the making.
pub(crate) struct Description<'a>(&'a mut Document);

impl Routes {
    pub(crate) fn routes(mut self, route: Route) -> Self {
        self.router = self.router.route(&route.path, route.methods);
        self.describers.push(route.describe);
        self
    }

    pub(crate) fn into_router(self) -> Router<App> {
        self.router
    }

    /// Adds all paths to `document`.
    pub(crate) fn describe(self, document: &mut Document) {
        let mut description = Description(document);
        for describe in self.describers {
            describe(&mut description);
        }
    }
}

impl Description<'_> {
    pub(crate) fn add(
        &mut self,
        path: &str,
        methods: Vec<HttpMethod>,
        mut operation: Operation,
        tags: &[&str],
        schemas: Vec<(String, RefOr<Schema>)>,
    ) {
        if !tags.is_empty() {
            let all = operation.tags.get_or_insert_default();
            all.extend(tags.iter().map(ToString::to_string));
        }
        self.0.paths.add_path_operation(path, methods, operation);
        let components = self.0.components.get_or_insert_with(Components::new);
        for (name, schema) in schemas {
            let other = components.schemas.insert(name.clone(), schema.clone());
            // One of two things of the same name would be described as the other, wherever it is.
            debug_assert!(
                other.is_none_or(|other| other == schema),
                "two schemas are called {name}"
            );
        }
    }
}

/// The methods of a handler, as the router knows them.
pub(crate) fn filter(methods: &[HttpMethod]) -> MethodFilter {
    let one = |method: &HttpMethod| match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
    };
    let mut methods = methods.iter().map(one);
    let first = methods.next().expect("a handler answers to some method");
    methods.fold(first, MethodFilter::or)
}

/// The one path of them all.
pub(crate) fn shared<const N: usize>(paths: [String; N]) -> String {
    let first = paths.first().expect("a route has a handler");
    assert!(
        paths.iter().all(|path| path == first),
        "handlers of one route have one path: {paths:?}"
    );
    first.clone()
}

/// The [`Route`] of handlers that share a path, each given as `module::handler` and described by its `utoipa::path`.
macro_rules! routes {
    ($($module:ident::$handler:ident),+ $(,)?) => {
        pastey::paste! {{
            use utoipa::{Path as _, __dev::{SchemaReferences as _, Tags as _}};
            $crate::route::Route {
                path: $crate::route::shared([$($module::[<__path_ $handler>]::path()),+]),
                methods: axum::routing::MethodRouter::new()
                    $(.on($crate::route::filter(&$module::[<__path_ $handler>]::methods()), $module::$handler))+,
                describe: |description| {
                    $({
                        let mut schemas = Vec::new();
                        $module::[<__path_ $handler>]::schemas(&mut schemas);
                        description.add(
                            &$module::[<__path_ $handler>]::path(),
                            $module::[<__path_ $handler>]::methods(),
                            $module::[<__path_ $handler>]::operation(),
                            &$module::[<__path_ $handler>]::tags(),
                            schemas,
                        );
                    })+
                },
            }
        }}
    };
}
pub(crate) use routes;
