//! Asks the disk before a change is made, and holds what tells of it.

use super::Core;
use super::answer;
use super::client::{Batch, Client};
use super::durable::{Admission, Durable};
use crate::protocol::command::Request;
use crate::protocol::notice::Change;

/// Says whether a request may be executed, as far as the disk is concerned. If not, its client has
/// been told so, or waits for the disk.
#[inline]
pub(super) fn admit(core: &mut Core, client: &mut Client, request: &Request) -> Admission {
    match core.durable {
        None => Admission::Yes,
        Some(_) => admit_to_disk(core, client, request),
    }
}

#[inline(never)]
fn admit_to_disk(core: &mut Core, client: &mut Client, request: &Request) -> Admission {
    let Some(durable) = &mut core.durable else {
        return Admission::Yes;
    };
    durable.reply_at = client.outbox.borrow().queued();
    let Some(bytes) = request.change_bytes() else {
        return Admission::Yes;
    };
    let admission = durable.admit(bytes);
    match admission {
        Admission::Yes => {}
        Admission::Wait => {
            client.is_parked = true;
            durable.park(client.id);
        }
        Admission::Refused => {
            let text = durable.refusal();
            answer::refuse(core, client, &text);
        }
    }
    admission
}

/// Takes in what the last request of a batch has changed that was admitted, and holds its reply
/// until the disk has what it tells of.
#[inline]
pub(super) fn hold(
    core: &mut Core,
    client: &mut Client,
    batch: &Batch,
    change: Option<&Change<'_>>,
) {
    if core.durable.is_some() {
        hold_for_disk(core, client, batch, change);
    }
}

#[inline(never)]
fn hold_for_disk(core: &mut Core, client: &mut Client, batch: &Batch, change: Option<&Change<'_>>) {
    let Some(durable) = &mut core.durable else {
        return;
    };
    let until = match (change, batch.next()) {
        (Some(change), _) => durable.push(change, &core.store, &mut client.changed),
        (None, Some(request)) => durable.concerns(request, &batch.input.bytes, &core.store),
        (None, None) => return,
    };
    let at = durable.reply_at;
    durable.hold(&mut client.outbox.borrow_mut(), client.id, at, until);
}

/// Holds what stands in a client's outbox from `at` on, which tells of changes up to a revision.
pub(super) fn hold_up_to(
    durable: &mut Option<Box<Durable>>,
    client: &Client,
    at: u64,
    revision: u64,
) {
    if let Some(durable) = durable
        && revision > durable.revision
    {
        let until = durable.current();
        durable.hold(&mut client.outbox.borrow_mut(), client.id, at, until);
    }
}
