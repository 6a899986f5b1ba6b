//! Keeps web pages of others out. Who reaches the loopback address is admin (PRODUCT section 14), and a
//! browser on this machine reaches it for every page it shows.
//!
//! What a browser says of where a request comes from (Fetch Metadata) is believed as a resource isolation policy has it
//! (W3C "Post-Spectre Web Development"): pages of other sites may lead here by a link, and embed or fetch nothing.

use axum::{
    extract::{Request, State},
    http::{HeaderName, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{App, Problem};

/// A GET of the reference system's that takes what it gives away: not even a link of another site may lead there.
const DRAINS: &str = "/consume_events";

/// Refuses requests under a name that is not this machine's own (a name that somebody has made to lead here:
/// DNS rebinding), and those that change something on behalf of another site's page.
pub(crate) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    // An address is never a name that leads elsewhere. Who may ask from where is for others to say.
    let is_own = |host: &str| is_address(host) || is_local(host) || app.hosts.iter().any(|own| is(host, own));
    match refusal(&request, is_own) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

/// The same where only this machine is served.
pub(crate) async fn check_local(request: Request, next: Next) -> Response {
    match refusal(&request, is_local) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(request: &Request, is_own: impl Fn(&str) -> bool) -> Option<Problem> {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).or_else(|| request.uri().authority().map(|a| a.as_str()));
    if let Some(host) = host.filter(|host| !is_own(host)) {
        let detail =
            format!("`{host}` is not a name of this server; use its address, localhost, or --host-name");
        return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
    }
    // Browsers say where a request comes from also where they leave out the origin (Fetch Metadata).
    let site = text(HeaderName::from_static("sec-fetch-site"));
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    if reads {
        let path = request.uri().path();
        let follows_link = text(HeaderName::from_static("sec-fetch-mode")) == Some("navigate");
        let is_open = path.starts_with("/hls/") || follows_link && !path.ends_with(DRAINS);
        let other = site.filter(|site| *site == "cross-site" && !is_open)?;
        let detail = format!("a page of another site ({other}) may not embed or fetch this");
        return Some(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let origin = text(header::ORIGIN);
    let other_origin = origin.filter(|origin| {
        let authority = origin.parse::<Uri>().ok().and_then(|uri| uri.authority().cloned());
        authority.is_none_or(|authority| Some(authority.as_str()) != host)
    });
    let other_site = site.filter(|site| !["same-origin", "none"].contains(site));
    let other = other_origin.or(other_site)?;
    let detail = format!("a page of `{other}` may not change anything here");
    Some(Problem::new(StatusCode::FORBIDDEN, detail))
}

fn name_of(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    }
}

fn is_address(host: &str) -> bool {
    name_of(host).parse::<std::net::IpAddr>().is_ok()
}

fn is(host: &str, own: &str) -> bool {
    name_of(host).trim_end_matches('.').eq_ignore_ascii_case(own)
}

/// Whether `host` (with or without a port) means this machine.
pub(crate) fn is_local(host: &str) -> bool {
    let name = name_of(host);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::{Router, body::Body, routing::get};
    use tower::ServiceExt;

    use super::*;

    async fn asked(method: Method, headers: &[(&str, &str)]) -> StatusCode {
        asked_for("/", method, headers).await
    }

    async fn asked_for(path: &str, method: Method, headers: &[(&str, &str)]) -> StatusCode {
        let app = Router::new()
            .route("/", get(|| async {}).post(|| async {}))
            .route("/hls/x.m3u8", get(|| async {}))
            .route("/v1/core/instance/x/consume_events", get(|| async {}))
            .layer(axum::middleware::from_fn(check_local));
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    }

    #[tokio::test]
    async fn own_names_pass_and_others_do_not() {
        for host in ["localhost:3546", "127.0.0.1:3546", "127.0.0.9", "[::1]:3546", "LocalHost"] {
            assert_eq!(asked(Method::GET, &[("host", host)]).await, StatusCode::OK, "{host}");
        }
        for host in ["evil.example:3546", "10.0.0.1", "localhost.evil.example", "", "[fe80::1]"] {
            assert_eq!(
                asked(Method::GET, &[("host", host)]).await,
                StatusCode::MISDIRECTED_REQUEST,
                "{host}"
            );
        }
    }

    #[tokio::test]
    async fn pages_of_others_may_only_read() {
        let host = ("host", "localhost:3546");
        let other = ("origin", "https://evil.example");
        assert_eq!(asked(Method::GET, &[host, other]).await, StatusCode::OK);
        assert_eq!(asked(Method::POST, &[host, other]).await, StatusCode::FORBIDDEN);
        assert_eq!(asked(Method::POST, &[host, ("origin", "null")]).await, StatusCode::FORBIDDEN);
        assert_eq!(asked(Method::POST, &[host, ("origin", "http://localhost:3546")]).await, StatusCode::OK);
        assert_eq!(asked(Method::POST, &[host]).await, StatusCode::OK);
        assert_eq!(
            asked(Method::POST, &[host, ("sec-fetch-site", "cross-site")]).await,
            StatusCode::FORBIDDEN
        );
        assert_eq!(asked(Method::POST, &[host, ("sec-fetch-site", "same-origin")]).await, StatusCode::OK);
    }

    #[tokio::test]
    async fn pages_of_other_sites_lead_here_and_embed_nothing() {
        let (drain, video) = ("/v1/core/instance/x/consume_events", "/hls/x.m3u8");
        let (yes, no) = (StatusCode::OK, StatusCode::FORBIDDEN);
        for (path, site, mode, expected) in [
            ("/", "cross-site", "no-cors", no),
            ("/", "cross-site", "cors", no),
            ("/", "cross-site", "navigate", yes),
            ("/", "same-site", "no-cors", yes),
            ("/", "none", "navigate", yes),
            (drain, "cross-site", "navigate", no),
            (drain, "same-origin", "cors", yes),
            (video, "cross-site", "cors", yes),
        ] {
            let headers = [("host", "localhost:3546"), ("sec-fetch-site", site), ("sec-fetch-mode", mode)];
            assert_eq!(asked_for(path, Method::GET, &headers).await, expected, "{path} {site} {mode}");
        }
    }
}
