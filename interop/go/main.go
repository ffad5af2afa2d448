// A go-libp2p peer that does what it is told: one JSON command a line on stdin, one JSON answer a line on stdout.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

type command struct {
	ID   int             `json:"id"`
	Do   string          `json:"do"`
	With json.RawMessage `json:"with"`
}

// wish is every field a command may carry.
type wish struct {
	Seed      string   `json:"seed"`
	Listen    []string `json:"listen"`
	Psk       string   `json:"psk"`
	Relay     bool     `json:"relay"`
	Address   string   `json:"address"`
	PeerID    string   `json:"peerId"`
	Key       string   `json:"key"`
	Topic     string   `json:"topic"`
	Data      string   `json:"data"`
	To        string   `json:"to"`
	Method    string   `json:"method"`
	Params    any      `json:"params"`
	Bytes     int      `json:"bytes"`
	PauseMs   int      `json:"pauseMs"`
	TimeoutMs int      `json:"timeoutMs"`
}

var (
	out  = bufio.NewWriter(os.Stdout)
	lock sync.Mutex
)

func answer(id int, result any, err error) {
	line := map[string]any{"id": id}
	if err != nil {
		line["error"] = err.Error()
	} else {
		line["ok"] = result
	}
	text, _ := json.Marshal(line)
	lock.Lock()
	defer lock.Unlock()
	fmt.Fprintf(out, "%s\n", text)
	out.Flush()
}

func main() {
	one := &foreign{}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 64*1024), 1024*1024)
	for lines.Scan() {
		var said command
		var want wish
		if json.Unmarshal(lines.Bytes(), &said) != nil {
			continue
		}
		if err := json.Unmarshal(said.With, &want); err != nil {
			answer(said.ID, nil, err)
			continue
		}
		if said.Do == "start" {
			result, err := one.start(want)
			answer(said.ID, result, err)
			continue
		}
		go func() {
			wait := time.Duration(want.TimeoutMs) * time.Millisecond
			if wait == 0 {
				wait = 10 * time.Second
			}
			ctx, cancel := context.WithTimeout(context.Background(), wait)
			defer cancel()
			result, err := one.do(ctx, said.Do, want)
			answer(said.ID, result, err)
		}()
	}
}
