//! Models that are mix-ins: a server for each endpoint, all on one.
//! Owns: that they begin and end together, and one report of all. Never: knows the mix-in.

use std::sync::mpsc;

use ropewalk::server::{MixIn, Protocols, Server as OfOne, ShutdownHandle, StreamRequest};
use ropewalk::{Protocol, Report};

use super::spot::Wanted;
use super::{AtSpot, Server};
use crate::failure::Failure;
use crate::signals::Stop;

impl Server<'_> {
    /// Serves every endpoint in a thread of its own, with requests where `M` has them run.
    pub(super) fn run_mixed<M: MixIn, P, F>(&self, make: F) -> Result<u8, Failure>
    where
        P: Protocol + 'static,
        F: Fn() -> P + Clone + Send + 'static,
    {
        let mut servers = Vec::new();
        let bound = self.bind(|spot, label| {
            let factory = self.factory(spot, label, make.clone());
            let protocols =
                Protocols::with(factory, self.course.limits(), Some(self.course.watch.clone()))
                    .on_sockets(spot.endpoint.options().clone());
            let server = match &spot.at {
                Wanted::Stream(site) => OfOne::<StreamRequest, _, M>::new(site.clone(), protocols)?,
                Wanted::Open => OfOne::from_sockets(spot.streams()?, protocols)?,
                Wanted::Datagrams(_) | Wanted::Session => return Ok(Vec::new()), // refused
            };
            let addrs = server.addrs().cloned().collect();
            servers.push(server);
            Ok(addrs)
        })?;
        let handles: Vec<_> = servers.iter().map(OfOne::shutdown_handle).collect();
        let signals = self.course.hear(Stop::Servers(handles.clone()));
        self.tell_serving(&bound);
        let grace = self.course.drain;
        let serve = |server: OfOne<StreamRequest, Protocols<AtSpot<F>>, M>| {
            move || {
                let handle = server.shutdown_handle();
                let closed = server.serve_and_close(grace)?;
                let mut report = handle.take_report();
                // Those that still waited for a worker had no engine to count them.
                let unheard = closed.cut.len().saturating_sub(report.cut);
                let left = unheard + closed.still_running.len();
                (report.open, report.cut) = (report.open + left, report.cut + left);
                Ok(report)
            }
        };
        let report = all_of_them(&handles, servers.into_iter().map(serve));
        self.course.conclude(report, signals.as_ref())
    }
}

/// Runs each in a thread; the end of one, whoever asked for it, is the end of all.
fn all_of_them<F>(
    handles: &[ShutdownHandle],
    servers: impl Iterator<Item = F>,
) -> ropewalk::Result<Report>
where
    F: FnOnce() -> ropewalk::Result<Report> + Send,
{
    std::thread::scope(|scope| {
        let (tell, ended) = mpsc::channel();
        for serve in servers {
            let tell = tell.clone();
            // Nobody listens any more only if another one has failed.
            scope.spawn(move || drop(tell.send(serve())));
        }
        drop(tell);
        let mut all = Ok(Report::default());
        for of_one in ended {
            handles.iter().for_each(ShutdownHandle::shutdown);
            all = all.and_then(|mut all| {
                all.add(of_one?);
                Ok(all)
            });
        }
        all
    })
}
