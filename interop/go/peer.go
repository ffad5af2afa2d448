package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	relay "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/websocket"
	"github.com/multiformats/go-multihash"
)

type foreign struct {
	host   host.Host
	table  *dht.IpfsDHT
	gossip *pubsub.PubSub
	bulk   bulk

	lock   sync.Mutex
	topics map[string]*topic
}

type topic struct {
	joined *pubsub.Topic
	heard  []string
}

func (f *foreign) start(want wish) (any, error) {
	seed, err := hex.DecodeString(want.Seed)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, errors.New("seed: 32 bytes in hex")
	}
	key, _, err := crypto.KeyPairFromStdKey(ptr(ed25519.NewKeyFromSeed(seed)))
	if err != nil {
		return nil, err
	}
	options := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.ListenAddrStrings(want.Listen...),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(websocket.New),
		libp2p.UserAgent("interop-go"),
	}
	if want.Psk != "" {
		psk, err := pnet.DecodeV1PSK(strings.NewReader(want.Psk))
		if err != nil {
			return nil, err
		}
		options = append(options, libp2p.PrivateNetwork(psk))
	}
	if want.Relay {
		options = append(options, libp2p.EnableRelayService(), libp2p.ForceReachabilityPublic())
	}
	if f.host, err = libp2p.New(options...); err != nil {
		return nil, err
	}
	ctx := context.Background()
	f.table, err = dht.New(ctx, f.host, dht.Mode(dht.ModeServer), dht.V1ProtocolOverride("/gridmesh/kad/1"))
	if err != nil {
		return nil, err
	}
	f.topics = map[string]*topic{}
	f.gossip, err = pubsub.NewGossipSub(ctx, f.host,
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
		pubsub.WithNoAuthor(),
		pubsub.WithMessageIdFn(messageID),
		pubsub.WithSeenMessagesTTL(180*time.Second),
	)
	if err != nil {
		return nil, err
	}
	f.host.SetStreamHandler(rpcProtocol, f.answerCalls)
	f.host.SetStreamHandler(bulkProtocol, f.bulk.take)
	return map[string]any{"peerId": f.host.ID().String(), "addresses": f.addresses()}, nil
}

func messageID(message *pb.Message) string {
	sum := sha256.New()
	sum.Write([]byte(message.GetTopic()))
	sum.Write(message.GetData())
	return string(sum.Sum(nil))
}

func (f *foreign) addresses() []string {
	all := []string{}
	for _, address := range f.host.Addrs() {
		all = append(all, address.String()+"/p2p/"+f.host.ID().String())
	}
	return all
}

func (f *foreign) do(ctx context.Context, what string, want wish) (any, error) {
	switch what {
	case "dial":
		return f.dial(ctx, want.Address)
	case "reserve":
		return f.reserve(ctx, want.Address)
	case "join":
		return f.join(want.Topic)
	case "publish":
		return f.publish(ctx, want)
	case "heard":
		return f.heard(want.Topic)
	case "mesh":
		return map[string]any{"peers": f.gossip.ListPeers(want.Topic)}, nil
	case "provide", "find":
		return f.content(ctx, what, want.Key)
	case "bulkRead":
		return f.bulk.result(ctx)
	case "bulkPause":
		f.bulk.pause(want.PauseMs)
		return map[string]any{}, nil
	}
	id, err := peer.Decode(want.PeerID)
	if err != nil {
		return nil, errors.New(what + ": no such command, or no peerId")
	}
	switch what {
	case "identify":
		agent, _ := f.host.Peerstore().Get(id, "AgentVersion")
		protocols, err := f.host.Peerstore().GetProtocols(id)
		return map[string]any{"agent": agent, "protocols": protocols}, err
	case "ping":
		result := <-ping.Ping(network.WithAllowLimitedConn(ctx, "ping"), f.host, id)
		return map[string]any{"ms": float64(result.RTT.Microseconds()) / 1000}, result.Error
	case "call":
		return f.call(ctx, id, want)
	case "bulkSend":
		return f.sendBulk(ctx, id, want)
	case "linked":
		return map[string]any{"linked": f.host.Network().Connectedness(id) != network.NotConnected}, nil
	}
	return nil, errors.New(what + ": no such command")
}

func (f *foreign) dial(ctx context.Context, address string) (any, error) {
	info, err := peer.AddrInfoFromString(address)
	if err != nil {
		return nil, err
	}
	// A dial that failed a moment ago would not be tried at once.
	if known, ok := f.host.Network().(*swarm.Swarm); ok {
		known.Backoff().Clear(info.ID)
	}
	if err := f.host.Connect(ctx, *info); err != nil {
		return nil, err
	}
	return map[string]any{"peerId": info.ID.String()}, nil
}

func (f *foreign) reserve(ctx context.Context, address string) (any, error) {
	info, err := peer.AddrInfoFromString(address)
	if err != nil {
		return nil, err
	}
	if _, err = relay.Reserve(ctx, f.host, *info); err != nil {
		return nil, err
	}
	return map[string]any{"address": address + "/p2p-circuit/p2p/" + f.host.ID().String()}, nil
}

func (f *foreign) join(name string) (any, error) {
	joined, err := f.gossip.Join(name)
	if err != nil {
		return nil, err
	}
	reader, err := joined.Subscribe(pubsub.WithBufferSize(256))
	if err != nil {
		return nil, err
	}
	one := &topic{joined: joined, heard: []string{}}
	f.lock.Lock()
	f.topics[name] = one
	f.lock.Unlock()
	go func() {
		for {
			message, err := reader.Next(context.Background())
			if err != nil {
				return
			}
			if message.ReceivedFrom == f.host.ID() {
				continue
			}
			f.lock.Lock()
			one.heard = append(one.heard, base64.StdEncoding.EncodeToString(message.Data))
			f.lock.Unlock()
		}
	}()
	return map[string]any{}, nil
}

func (f *foreign) topic(name string) (*topic, error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	if one, ok := f.topics[name]; ok {
		return one, nil
	}
	return nil, errors.New("not joined: " + name)
}

func (f *foreign) publish(ctx context.Context, want wish) (any, error) {
	one, err := f.topic(want.Topic)
	if err != nil {
		return nil, err
	}
	data, err := base64.StdEncoding.DecodeString(want.Data)
	if err != nil {
		return nil, err
	}
	return map[string]any{}, one.joined.Publish(ctx, data)
}

func (f *foreign) heard(name string) (any, error) {
	one, err := f.topic(name)
	if err != nil {
		return nil, err
	}
	f.lock.Lock()
	defer f.lock.Unlock()
	return map[string]any{"messages": append([]string{}, one.heard...)}, nil
}

// content announces a key, or finds who did.
func (f *foreign) content(ctx context.Context, what string, key string) (any, error) {
	digest, err := hex.DecodeString(key)
	if err != nil {
		return nil, err
	}
	hash, err := multihash.Encode(digest, multihash.SHA2_256)
	if err != nil {
		return nil, err
	}
	id := cid.NewCidV1(cid.Raw, hash)
	if what == "provide" {
		return map[string]any{}, f.table.Provide(ctx, id, true)
	}
	found, err := f.table.FindProviders(ctx, id)
	peers := []string{}
	for _, info := range found {
		peers = append(peers, info.ID.String())
	}
	return map[string]any{"peers": peers}, err
}

func ptr[T any](value T) *T { return &value }
