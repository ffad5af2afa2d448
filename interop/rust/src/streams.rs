//! Streams of our own protocols: calls, line by line, and many bytes, frame by frame.

use std::{sync::Arc, time::Duration};

use futures::{
    io::BufReader, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt,
};
use libp2p::{PeerId, Stream, StreamProtocol};
use libp2p_stream::Control;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, Mutex};

pub const RPC: StreamProtocol = StreamProtocol::new("/gridmesh/rpc/1");
pub const BULK: StreamProtocol = StreamProtocol::new("/gridmesh/interop/1");
const FRAME: usize = 64 * 1024;

type Said<T> = Result<T, String>;

fn told<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}

/// Answers calls of peers: an opening line, then JSON-RPC lines.
pub async fn answer_calls(mut control: Control, own: PeerId) {
    let mut incoming = control.accept(RPC).expect("nobody else answers calls");
    while let Some((_, stream)) = incoming.next().await {
        tokio::spawn(async move {
            let _ = answer(stream, own).await;
        });
    }
}

async fn answer(stream: Stream, own: PeerId) -> Said<()> {
    let (reader, mut writer) = stream.split();
    let mut lines = BufReader::new(reader).lines();
    let opening = object(lines.next().await)?;
    if opening["v"] != 1 {
        return Err("another version".into());
    }
    line(&mut writer, &json!({"ok": true, "era": "modern", "versions": [], "maxInFlight": 32})).await?;
    while let Some(said) = lines.next().await {
        let asked: Value = serde_json::from_str(&said.map_err(told)?).map_err(told)?;
        if asked["id"].is_null() {
            continue;
        }
        let method = asked["method"].as_str().unwrap_or_default();
        let reply = match result_of(own, method, &asked["params"]) {
            Some(result) => json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}),
            None => json!({"jsonrpc": "2.0", "id": asked["id"],
                "error": {"code": -32601, "message": format!("no method {method}")}}),
        };
        line(&mut writer, &reply).await?;
    }
    writer.close().await.map_err(told)
}

fn result_of(own: PeerId, method: &str, params: &Value) -> Option<Value> {
    let id = own.to_string();
    match method.strip_prefix(&format!("{id}:")).unwrap_or(method) {
        "node/get_info" => Some(json!({"node_id": id, "version": "interop-rust", "agents": 1})),
        "node/list_agents" => {
            let row = json!({"name": "echo", "address": format!("{id}:echo"), "status": "ready"});
            Some(json!({"agents": [row]}))
        }
        "echo/echo" => Some(params.clone()),
        _ => None,
    }
}

/// Calls a peer: one stream, one call.
pub async fn call(mut control: Control, peer: PeerId, want: Value) -> Said<Value> {
    let stream = control.open_stream(peer, RPC).await.map_err(told)?;
    let (reader, mut writer) = stream.split();
    let opening = json!({"v": 1, "to": want["to"], "proto": "plain", "mode": "call"});
    line(&mut writer, &opening).await?;
    let asked = json!({"jsonrpc": "2.0", "id": 1, "method": want["method"], "params": want["params"]});
    line(&mut writer, &asked).await?;
    let mut lines = BufReader::new(reader).lines();
    let opened = object(lines.next().await)?;
    if opened["ok"] != true {
        return Err(format!("not opened: {opened}"));
    }
    let answer = object(lines.next().await)?;
    let _ = writer.close().await;
    Ok(answer)
}

fn object(line: Option<std::io::Result<String>>) -> Said<Value> {
    let text = line.ok_or("the stream ended")?.map_err(told)?;
    serde_json::from_str(&text).map_err(told)
}

async fn line(writer: &mut (impl AsyncWrite + Unpin), value: &Value) -> Said<()> {
    writer.write_all(format!("{value}\n").as_bytes()).await.map_err(told)?;
    writer.flush().await.map_err(told)
}

/// How the next stream of many bytes is read, and where its end is told.
pub struct Bulk {
    pub pause: Mutex<Duration>,
    done: mpsc::Sender<Value>,
    pub results: Mutex<mpsc::Receiver<Value>>,
}

impl Bulk {
    pub fn new() -> Arc<Self> {
        let (done, results) = mpsc::channel(4);
        Arc::new(Self { pause: Mutex::default(), done, results: Mutex::new(results) })
    }
}

/// Reads frames to their end, resting after each, and answers with one frame: their hash.
pub async fn take_bulk(mut control: Control, bulk: Arc<Bulk>) {
    let mut incoming = control.accept(BULK).expect("nobody else takes bytes");
    while let Some((_, stream)) = incoming.next().await {
        let bulk = bulk.clone();
        tokio::spawn(async move {
            let pause = *bulk.pause.lock().await;
            let result = match read_all(stream, pause).await {
                Ok(result) => result,
                Err(error) => json!({"hash": "", "bytes": 0, "error": error}),
            };
            let _ = bulk.done.send(result).await;
        });
    }
}

async fn read_all(stream: Stream, pause: Duration) -> Said<Value> {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    let (mut sum, mut bytes) = (Sha256::new(), 0);
    while let Some(frame) = read_frame(&mut reader).await? {
        sum.update(&frame);
        bytes += frame.len();
        tokio::time::sleep(pause).await;
    }
    let hash = hex::encode(sum.finalize());
    write_frame(&mut writer, hash.as_bytes()).await?;
    writer.close().await.map_err(told)?;
    Ok(json!({"hash": hash, "bytes": bytes}))
}

pub async fn send_bulk(mut control: Control, peer: PeerId, bytes: usize) -> Said<Value> {
    let stream = control.open_stream(peer, BULK).await.map_err(told)?;
    let (reader, mut writer) = stream.split();
    let (mut sum, mut frame) = (Sha256::new(), vec![0u8; FRAME]);
    for index in 0..bytes / FRAME {
        for (at, byte) in frame.iter_mut().enumerate() {
            *byte = (index + at * 7) as u8;
        }
        frame[..4].copy_from_slice(&(index as u32).to_be_bytes());
        sum.update(&frame);
        write_frame(&mut writer, &frame).await?;
    }
    writer.close().await.map_err(told)?;
    let answered = read_frame(&mut BufReader::new(reader)).await?.ok_or("no answer")?;
    Ok(json!({"hash": hex::encode(sum.finalize()), "answered": String::from_utf8_lossy(&answered)}))
}

async fn read_frame(reader: &mut (impl AsyncRead + Unpin)) -> Said<Option<Vec<u8>>> {
    let (mut length, mut shift) = (0usize, 0);
    loop {
        let mut byte = [0];
        if reader.read(&mut byte).await.map_err(told)? == 0 {
            return if shift == 0 { Ok(None) } else { Err("cut".into()) };
        }
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] < 0x80 {
            break;
        }
    }
    let mut frame = vec![0; length];
    reader.read_exact(&mut frame).await.map_err(told)?;
    Ok(Some(frame))
}

async fn write_frame(writer: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> Said<()> {
    let (mut head, mut length) = (Vec::new(), frame.len());
    while length >= 0x80 {
        head.push(length as u8 | 0x80);
        length >>= 7;
    }
    head.push(length as u8);
    head.extend_from_slice(frame);
    writer.write_all(&head).await.map_err(told)?;
    writer.flush().await.map_err(told)
}
