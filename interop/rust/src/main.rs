//! A rust-libp2p peer that does what it is told: one JSON command a line on stdin, one JSON answer a line on stdout.

mod peer;
mod streams;

use std::{collections::HashMap, sync::Arc, time::Duration};

use base64::{prelude::BASE64_STANDARD, Engine};
use futures::StreamExt;
use libp2p::{
    gossipsub::IdentTopic,
    identity::Keypair,
    kad::{self, QueryId},
    multiaddr::{Multiaddr, Protocol},
    swarm::{dial_opts::{DialOpts, PeerCondition}, ConnectionId, SwarmEvent},
    PeerId, Swarm,
};
use peer::{Behaviour, BehaviourEvent};
use serde_json::{json, Value};
use tokio::io::{AsyncBufReadExt, BufReader};

type Said<T> = Result<T, String>;

fn told<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}

fn say(id: u64, said: Said<Value>) {
    match said {
        Ok(value) => println!("{}", json!({"id": id, "ok": value})),
        Err(error) => println!("{}", json!({"id": id, "error": error})),
    }
}

struct Foreign {
    swarm: Swarm<Behaviour>,
    bulk: Arc<streams::Bulk>,
    dials: HashMap<ConnectionId, (u64, PeerId)>,
    pings: Vec<(u64, PeerId)>,
    provides: HashMap<QueryId, u64>,
    finds: HashMap<QueryId, (u64, Vec<String>)>,
    reservations: Vec<(u64, PeerId, String)>,
    known: HashMap<PeerId, Value>,
    heard: HashMap<String, Vec<String>>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut foreign = None;
    loop {
        let event = async {
            match &mut foreign {
                Some(Foreign { swarm, .. }) => swarm.select_next_some().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = event => if let Some(one) = &mut foreign { one.take(event) },
            line = lines.next_line() => {
                let Ok(Some(line)) = line else { return };
                let Ok(said) = serde_json::from_str::<Value>(&line) else { continue };
                let id = said["id"].as_u64().unwrap_or_default();
                let what = said["do"].as_str().unwrap_or_default().to_owned();
                match &mut foreign {
                    None => match Foreign::start(&said["with"]).await {
                        Ok((one, told)) => {
                            foreign = Some(one);
                            say(id, Ok(told));
                        }
                        Err(error) => say(id, Err(error)),
                    },
                    Some(one) => match one.begin(id, &what, &said["with"]) {
                        Ok(None) => {}
                        Ok(Some(now)) => say(id, Ok(now)),
                        Err(error) => say(id, Err(error)),
                    },
                }
            }
        }
    }
}

impl Foreign {
    async fn start(want: &Value) -> Said<(Self, Value)> {
        let seed = hex::decode(want["seed"].as_str().unwrap_or_default()).map_err(told)?;
        let key = Keypair::ed25519_from_bytes(seed).map_err(told)?;
        let serves = want["relay"] == true;
        let mut swarm = peer::swarm(key, want["psk"].as_str(), serves)?;
        let wanted = want["listen"].as_array().cloned().unwrap_or_default();
        for address in &wanted {
            swarm.listen_on(address_of(address)?).map_err(told)?;
        }
        let own = *swarm.local_peer_id();
        let mut addresses = Vec::new();
        while addresses.len() < wanted.len() {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                // A relay tells its guests the addresses that it is sure of.
                swarm.add_external_address(address.clone());
                addresses.push(format!("{address}/p2p/{own}"));
            }
        }
        let control = swarm.behaviour().stream.new_control();
        let bulk = streams::Bulk::new();
        tokio::spawn(streams::answer_calls(control.clone(), own));
        tokio::spawn(streams::take_bulk(control, bulk.clone()));
        let one = Self {
            swarm,
            bulk,
            dials: HashMap::new(),
            pings: Vec::new(),
            provides: HashMap::new(),
            finds: HashMap::new(),
            reservations: Vec::new(),
            known: HashMap::new(),
            heard: HashMap::new(),
        };
        Ok((one, json!({"peerId": own.to_string(), "addresses": addresses})))
    }

    /// Begins what a command asks for; its answer, unless that comes later.
    fn begin(&mut self, id: u64, what: &str, want: &Value) -> Said<Option<Value>> {
        match what {
            "dial" => self.dial(id, address_of(&want["address"])?).map(|()| None),
            "reserve" => self.reserve(id, address_of(&want["address"])?).map(|()| None),
            "provide" | "find" => self.content(id, what, want).map(|()| None),
            "join" | "publish" | "heard" | "mesh" => self.gossip(what, want).map(Some),
            "bulkPause" | "bulkRead" => {
                self.bulk(id, what, want);
                Ok(None)
            }
            _ => self.with_peer(id, what, want),
        }
    }

    fn dial(&mut self, id: u64, address: Multiaddr) -> Said<()> {
        let peer = peer_in(&address)?;
        let opts = DialOpts::peer_id(peer).addresses(vec![address]).condition(PeerCondition::Always).build();
        let connection = opts.connection_id();
        self.swarm.dial(opts).map_err(told)?;
        self.dials.insert(connection, (id, peer));
        Ok(())
    }

    fn reserve(&mut self, id: u64, relay: Multiaddr) -> Said<()> {
        let own = self.swarm.local_peer_id();
        let told_as = format!("{relay}/p2p-circuit/p2p/{own}");
        let peer = peer_in(&relay)?;
        self.swarm.listen_on(relay.with(Protocol::P2pCircuit)).map_err(told)?;
        self.reservations.push((id, peer, told_as));
        Ok(())
    }

    fn content(&mut self, id: u64, what: &str, want: &Value) -> Said<()> {
        let digest = hex::decode(want["key"].as_str().unwrap_or_default()).map_err(told)?;
        // A multihash: sha2-256, its length, the digest.
        let key = kad::RecordKey::new(&[&[0x12, 0x20], digest.as_slice()].concat());
        let table = &mut self.swarm.behaviour_mut().kad;
        if what == "provide" {
            let query = table.start_providing(key).map_err(told)?;
            self.provides.insert(query, id);
        } else {
            let query = table.get_providers(key);
            self.finds.insert(query, (id, Vec::new()));
        }
        Ok(())
    }

    fn gossip(&mut self, what: &str, want: &Value) -> Said<Value> {
        let name = want["topic"].as_str().unwrap_or_default();
        let topic = IdentTopic::new(name);
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        match what {
            "join" => {
                gossip.subscribe(&topic).map_err(told)?;
                self.heard.insert(name.to_owned(), Vec::new());
                Ok(json!({}))
            }
            "publish" => {
                let data = BASE64_STANDARD.decode(want["data"].as_str().unwrap_or_default()).map_err(told)?;
                gossip.publish(topic, data).map_err(told)?;
                Ok(json!({}))
            }
            "mesh" => {
                let peers: Vec<_> = gossip.mesh_peers(&topic.hash()).map(PeerId::to_string).collect();
                Ok(json!({"peers": peers}))
            }
            _ => Ok(json!({"messages": self.heard.get(name).ok_or("not joined")?})),
        }
    }

    fn bulk(&self, id: u64, what: &str, want: &Value) {
        let bulk = self.bulk.clone();
        if what == "bulkPause" {
            let pause = Duration::from_millis(want["pauseMs"].as_u64().unwrap_or_default());
            tokio::spawn(async move {
                *bulk.pause.lock().await = pause;
                say(id, Ok(json!({})));
            });
        } else {
            tokio::spawn(async move {
                let result = bulk.results.lock().await.recv().await;
                say(id, result.ok_or("no stream came".into()));
            });
        }
    }

    fn with_peer(&mut self, id: u64, what: &str, want: &Value) -> Said<Option<Value>> {
        let peer: PeerId = want["peerId"].as_str().unwrap_or_default().parse().map_err(told)?;
        let control = self.swarm.behaviour().stream.new_control();
        match what {
            "linked" => return Ok(Some(json!({"linked": self.swarm.is_connected(&peer)}))),
            "identify" => {
                let unknown = json!({"agent": "", "protocols": []});
                return Ok(Some(self.known.get(&peer).cloned().unwrap_or(unknown)));
            }
            "ping" => self.pings.push((id, peer)),
            "call" => {
                let want = want.clone();
                tokio::spawn(async move { say(id, streams::call(control, peer, want).await) });
            }
            "bulkSend" => {
                let bytes = want["bytes"].as_u64().unwrap_or_default() as usize;
                tokio::spawn(async move { say(id, streams::send_bulk(control, peer, bytes).await) });
            }
            _ => return Err(format!("{what}: no such command")),
        }
        Ok(None)
    }

    fn take(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { connection_id, .. } => {
                if let Some((id, peer)) = self.dials.remove(&connection_id) {
                    say(id, Ok(json!({"peerId": peer.to_string()})));
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some((id, _)) = self.dials.remove(&connection_id) {
                    say(id, Err(told(error)));
                }
            }
            SwarmEvent::Behaviour(event) => self.take_own(event),
            _ => {}
        }
    }

    fn take_own(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Identify(libp2p::identify::Event::Received { peer_id, info, .. }) => {
                let protocols: Vec<_> = info.protocols.iter().map(ToString::to_string).collect();
                if protocols.iter().any(|one| one == "/gridmesh/kad/1") {
                    for address in info.listen_addrs {
                        self.swarm.behaviour_mut().kad.add_address(&peer_id, address);
                    }
                }
                let known = json!({"agent": info.agent_version, "protocols": protocols});
                self.known.insert(peer_id, known);
            }
            BehaviourEvent::Ping(libp2p::ping::Event { peer, result: Ok(rtt), .. }) => {
                let (done, left) = self.pings.drain(..).partition(|(_, of)| *of == peer);
                self.pings = left;
                for (id, _) in done as Vec<(u64, PeerId)> {
                    say(id, Ok(json!({"ms": rtt.as_secs_f64() * 1000.0})));
                }
            }
            BehaviourEvent::Gossip(libp2p::gossipsub::Event::Message { message, .. }) => {
                if let Some(heard) = self.heard.get_mut(message.topic.as_str()) {
                    heard.push(BASE64_STANDARD.encode(message.data));
                }
            }
            BehaviourEvent::Guest(libp2p::relay::client::Event::ReservationReqAccepted { relay_peer_id, .. }) => {
                let (done, left) = self.reservations.drain(..).partition(|(_, of, _)| *of == relay_peer_id);
                self.reservations = left;
                for (id, _, address) in done as Vec<(u64, PeerId, String)> {
                    say(id, Ok(json!({"address": address})));
                }
            }
            BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed { id, result, step, .. }) => {
                self.take_query(id, result, step.last);
            }
            _ => {}
        }
    }

    fn take_query(&mut self, query: QueryId, result: kad::QueryResult, is_last: bool) {
        match result {
            kad::QueryResult::StartProviding(result) => {
                if let Some(id) = self.provides.remove(&query) {
                    say(id, result.map(|_| json!({})).map_err(told));
                }
            }
            kad::QueryResult::GetProviders(result) => {
                if let (Ok(kad::GetProvidersOk::FoundProviders { providers, .. }), Some((_, found))) =
                    (result, self.finds.get_mut(&query))
                {
                    for provider in providers.iter().map(PeerId::to_string) {
                        if !found.contains(&provider) {
                            found.push(provider);
                        }
                    }
                }
                if is_last {
                    if let Some((id, found)) = self.finds.remove(&query) {
                        say(id, Ok(json!({"peers": found})));
                    }
                }
            }
            _ => {}
        }
    }
}

fn address_of(text: &Value) -> Said<Multiaddr> {
    text.as_str().unwrap_or_default().parse().map_err(told)
}

fn peer_in(address: &Multiaddr) -> Said<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => Ok(peer),
        _ => Err("the address names no peer".into()),
    }
}
