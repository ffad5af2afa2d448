//! The swarm: transports, and what it does over them.

use std::{str::FromStr, time::Duration};

use libp2p::{
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, OrTransport},
        upgrade::Version,
    },
    gossipsub, identify,
    identity::Keypair,
    kad::{self, store::MemoryStore},
    noise, ping,
    pnet::{PnetConfig, PreSharedKey},
    relay,
    swarm::{behaviour::toggle::Toggle, NetworkBehaviour},
    tcp, websocket, yamux, PeerId, StreamProtocol, Swarm, Transport,
};
use sha2::{Digest, Sha256};

use futures::{AsyncRead, AsyncWrite, TryFutureExt};

type Paths = Boxed<(PeerId, StreamMuxerBox)>;

#[derive(NetworkBehaviour)]
pub struct Behaviour {
    pub identify: identify::Behaviour,
    pub ping: ping::Behaviour,
    pub kad: kad::Behaviour<MemoryStore>,
    pub gossip: gossipsub::Behaviour,
    pub stream: libp2p_stream::Behaviour,
    pub guest: relay::client::Behaviour,
    pub relay: Toggle<relay::Behaviour>,
}

pub fn swarm(key: Keypair, psk: Option<&str>, serves: bool) -> Result<Swarm<Behaviour>, String> {
    let id = key.public().to_peer_id();
    let (circuits, guest) = relay::client::new(id);
    let circuits = secured(circuits, &key);
    let paths = match psk {
        Some(text) => either(circuits, private(text, &key)?),
        None => {
            let web = secured(websocket::Config::new(sockets()), &key);
            either(circuits, either(web, secured(sockets(), &key)))
        }
    };
    let behaviour = Behaviour {
        identify: identify::Behaviour::new(
            identify::Config::new("interop/1".into(), key.public())
                .with_agent_version("interop-rust".into()),
        ),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(Duration::from_secs(1))),
        kad: table(id),
        gossip: gossip()?,
        stream: libp2p_stream::Behaviour::new(),
        guest,
        relay: Toggle::from(serves.then(|| relay::Behaviour::new(id, relay::Config::default()))),
    };
    let config = libp2p::swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(Duration::from_secs(600));
    Ok(Swarm::new(paths, behaviour, id, config))
}

fn sockets() -> tcp::tokio::Transport {
    tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
}

fn secured<T>(transport: T, key: &Keypair) -> Paths
where
    T: Transport + Send + Unpin + 'static,
    T::Output: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T::Error: Send + Sync + 'static,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
{
    transport
        .upgrade(Version::V1)
        .authenticate(noise::Config::new(key).expect("an Ed25519 key signs"))
        .multiplex(yamux::Config::default())
        .boxed()
}

fn private(text: &str, key: &Keypair) -> Result<Paths, String> {
    let psk = PreSharedKey::from_str(text.trim_end()).map_err(|error| error.to_string())?;
    let guarded = sockets().and_then(move |socket, _| {
        PnetConfig::new(psk).handshake(socket).map_err(std::io::Error::other)
    });
    Ok(secured(guarded.boxed(), key))
}

fn either(one: Paths, other: Paths) -> Paths {
    OrTransport::new(one, other)
        .map(|found, _| found.into_inner())
        .boxed()
}

fn table(id: PeerId) -> kad::Behaviour<MemoryStore> {
    let config = kad::Config::new(StreamProtocol::new("/gridmesh/kad/1"));
    let mut table = kad::Behaviour::with_config(id, MemoryStore::new(id), config);
    table.set_mode(Some(kad::Mode::Server));
    table
}

/// As the network has it: no author, no signature, the hash of topic and data as the id.
fn gossip() -> Result<gossipsub::Behaviour, String> {
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(gossipsub::ValidationMode::Anonymous)
        .message_id_fn(|message| {
            let sum = Sha256::new().chain_update(message.topic.as_str()).chain_update(&message.data);
            gossipsub::MessageId::from(sum.finalize().to_vec())
        })
        .duplicate_cache_time(Duration::from_secs(180))
        .build()
        .map_err(|error| error.to_string())?;
    gossipsub::Behaviour::new(gossipsub::MessageAuthenticity::Anonymous, config).map_err(str::to_owned)
}
