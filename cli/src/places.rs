//! Stand-in for what the endpoint parser will answer itself.
use crate::failure::Failure;
use ropewalk::addr::{ListenHost, Site, Target};
use ropewalk::endpoint::Endpoint;
use ropewalk::options::SocketOptions;
pub(crate) trait Places {
    fn scheme(&self) -> &'static str;
    fn options(&self) -> &SocketOptions;
    fn target(&self) -> Result<Target, Failure>;
}
static DEFAULT: SocketOptions = SocketOptions {
    backlog: None,
    reuse_port: None,
    nodelay: None,
    keepalive: None,
    timeout: None,
    mark: None,
    ttl: None,
    mode: None,
};
impl Places for Endpoint {
    fn scheme(&self) -> &'static str {
        if matches!(self.site(), Site::Unix(_)) { "unix" } else { "tcp" }
    }
    fn options(&self) -> &SocketOptions {
        &DEFAULT
    }
    fn target(&self) -> Result<Target, Failure> {
        Ok(match self.site() {
            Site::Unix(path) => path.clone().into(),
            Site::Tcp(at) => match &at.host {
                ListenHost::Loopback => Target::tcp("localhost", at.port),
                ListenHost::Ip(ip) => Target::tcp(&ip.to_string(), at.port),
                ListenHost::Name(name) => Target::tcp(name, at.port),
                _ => return Err(Failure::new(2, "cannot connect to *")),
            },
            _ => return Err(Failure::new(2, "cannot connect to it")),
        })
    }
}
