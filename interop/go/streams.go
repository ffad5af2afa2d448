package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	rpcProtocol  = "/gridmesh/rpc/1"
	bulkProtocol = "/gridmesh/interop/1"
	frameBytes   = 64 * 1024
)

// answerCalls is the callee of the rpc stream: an opening line, then JSON-RPC lines.
func (f *foreign) answerCalls(stream network.Stream) {
	defer stream.Close()
	lines := bufio.NewReaderSize(stream, 64*1024)
	var opening struct {
		V  int    `json:"v"`
		To string `json:"to"`
	}
	line, err := lines.ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &opening) != nil || opening.V != 1 {
		_ = stream.Reset()
		return
	}
	fmt.Fprintf(stream, `{"ok":true,"era":"modern","versions":[],"maxInFlight":32}`+"\n")
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked struct {
			ID     any    `json:"id"`
			Method string `json:"method"`
			Params any    `json:"params"`
		}
		if json.Unmarshal(line, &asked) != nil || asked.ID == nil {
			continue
		}
		reply := map[string]any{"jsonrpc": "2.0", "id": asked.ID}
		if result, ok := f.resultOf(asked.Method, asked.Params); ok {
			reply["result"] = result
		} else {
			reply["error"] = map[string]any{"code": -32601, "message": "no method " + asked.Method}
		}
		text, _ := json.Marshal(reply)
		if _, err := stream.Write(append(text, '\n')); err != nil {
			return
		}
	}
}

func (f *foreign) resultOf(method string, params any) (any, bool) {
	id := f.host.ID().String()
	switch strings.TrimPrefix(method, id+":") {
	case "node/get_info":
		return map[string]any{"node_id": id, "version": "interop-go", "agents": 1}, true
	case "node/list_agents":
		row := map[string]any{"name": "echo", "address": id + ":echo", "status": "ready"}
		return map[string]any{"agents": []any{row}}, true
	case "echo/echo":
		return params, true
	}
	return nil, false
}

// call is the caller of the rpc stream: one stream, one call.
func (f *foreign) call(ctx context.Context, to peer.ID, want wish) (any, error) {
	stream, err := f.host.NewStream(network.WithAllowLimitedConn(ctx, "rpc"), to, rpcProtocol)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	until, _ := ctx.Deadline()
	_ = stream.SetDeadline(until)
	opening, _ := json.Marshal(map[string]any{"v": 1, "to": want.To, "proto": "plain", "mode": "call"})
	asked, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": want.Method, "params": want.Params})
	if _, err := fmt.Fprintf(stream, "%s\n%s\n", opening, asked); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(stream)
	opened, err := readObject(lines)
	if err != nil || opened["ok"] != true {
		return nil, fmt.Errorf("not opened: %v %w", opened, err)
	}
	return readObject(lines)
}

func readObject(lines *bufio.Reader) (map[string]any, error) {
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	value := map[string]any{}
	return value, json.Unmarshal(line, &value)
}

// bulk reads frames (length, bytes) to their end, pausing after each, and answers with one frame: their hash.
type bulk struct {
	lock    sync.Mutex
	pauseMs int
	done    chan map[string]any
}

func (b *bulk) pause(ms int) {
	b.lock.Lock()
	defer b.lock.Unlock()
	b.pauseMs = ms
	b.done = make(chan map[string]any, 1)
}

func (b *bulk) result(ctx context.Context) (any, error) {
	b.lock.Lock()
	done := b.done
	b.lock.Unlock()
	select {
	case result := <-done:
		return result, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (b *bulk) take(stream network.Stream) {
	b.lock.Lock()
	pause, done := time.Duration(b.pauseMs)*time.Millisecond, b.done
	b.lock.Unlock()
	reader, sum, total := bufio.NewReaderSize(stream, 16*1024), sha256.New(), 0
	for {
		length, err := binary.ReadUvarint(reader)
		if err == nil {
			_, err = io.CopyN(sum, reader, int64(length))
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			done <- map[string]any{"bytes": total, "hash": "", "error": err.Error()}
			_ = stream.Reset()
			return
		}
		total += int(length)
		time.Sleep(pause)
	}
	writeFrame(stream, []byte(hexOf(sum)))
	_ = stream.Close()
	done <- map[string]any{"bytes": total, "hash": hexOf(sum)}
}

func (f *foreign) sendBulk(ctx context.Context, to peer.ID, want wish) (any, error) {
	stream, err := f.host.NewStream(ctx, to, bulkProtocol)
	if err != nil {
		return nil, err
	}
	until, _ := ctx.Deadline()
	_ = stream.SetDeadline(until)
	frame, sum := make([]byte, frameBytes), sha256.New()
	for index := 0; index < want.Bytes/frameBytes; index++ {
		for at := range frame {
			frame[at] = byte(index + at*7)
		}
		binary.BigEndian.PutUint32(frame, uint32(index))
		sum.Write(frame)
		if err := writeFrame(stream, frame); err != nil {
			return nil, err
		}
	}
	if err := stream.CloseWrite(); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(stream)
	length, err := binary.ReadUvarint(reader)
	if err != nil {
		return nil, err
	}
	said := make([]byte, length)
	if _, err := io.ReadFull(reader, said); err != nil {
		return nil, err
	}
	_ = stream.Close()
	return map[string]any{"hash": hexOf(sum), "answered": string(said)}, nil
}

func writeFrame(stream io.Writer, frame []byte) error {
	_, err := stream.Write(append(binary.AppendUvarint(nil, uint64(len(frame))), frame...))
	return err
}

func hexOf(sum hash.Hash) string { return hex.EncodeToString(sum.Sum(nil)) }
