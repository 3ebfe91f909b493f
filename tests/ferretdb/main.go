// A MongoDB-compatible server for the tests: FerretDB with its SQLite backend, behind a proxy that passes one command at a time.
//
// FerretDB's SQLite backend reads, changes and writes a whole document without a lock, so that concurrent $addToSet
// can lose entries, which MongoDB never does. With one command at a time, what the tests see is the product.
//
// Usage: ferretdb [-port N] [-dir DIR]. Prints "PORT n" when ready, listens on loopback only, and exits when its
// standard input closes, so that it never outlives the test that started it. Lines on its input make it a bad server;
// each is acknowledged by "OK":
//
//	delay DURATION    answers every command so much later, from now on
//	hang N DURATION   does not answer the next N commands, and closes their connections after that time
//
// Neither concerns the greetings by which a driver finds out whether there is a server.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/FerretDB/FerretDB/ferretdb"
)

// The largest message of the wire protocol, with room to spare.
const maxMessage = 64 << 20

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "ferretdb:", err)
		os.Exit(1)
	}
}

func run() error {
	port := flag.Int("port", 0, "the port to listen on, on 127.0.0.1; 0: any free one")
	dir := flag.String("dir", "", "where databases are kept; empty: a temporary folder, removed at the end")
	flag.Parse()

	if *dir == "" {
		temporary, err := os.MkdirTemp("", "ferretdb-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		*dir = temporary
	}
	absolute, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}

	backend, err := freePort()
	if err != nil {
		return err
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: backend},
		Logger:    slog.New(slog.NewTextHandler(io.Discard, nil)),
		Handler:   "sqlite",
		SQLiteURL: "file:" + absolute + "/",
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	if err := reachable(backend); err != nil {
		cancel()
		return err
	}

	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(*port)))
	if err != nil {
		cancel()
		return err
	}
	go keepIndexed(ctx, absolute)
	go serve(listener, backend)
	fmt.Printf("PORT %d\n", listener.Addr().(*net.TCPAddr).Port)

	// Whoever started this holds the other end; when they end, in whatever way, so does this.
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(mood.change(lines.Text()))
	}
	listener.Close()
	cancel()
	select {
	case err := <-ended:
		return err
	case <-time.After(5 * time.Second):
		return nil
	}
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

func reachable(address string) error {
	for range 200 {
		if connection, err := net.Dial("tcp", address); err == nil {
			connection.Close()
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("FerretDB did not start within ten seconds")
}

// The one command at a time.
var turn sync.Mutex

// How it behaves.
var mood behaviour

type behaviour struct {
	delay, hang atomic.Int64 // nanoseconds
	hangs       atomic.Int64
}

// change does as a line says; returns what to say to it.
func (b *behaviour) change(line string) string {
	var duration time.Duration
	var count int64
	for _, field := range strings.Fields(line) {
		if number, err := strconv.ParseInt(field, 10, 64); err == nil {
			count = number
		} else if parsed, err := time.ParseDuration(field); err == nil {
			duration = parsed
		}
	}
	switch {
	case strings.HasPrefix(line, "delay "):
		b.delay.Store(int64(duration))
	case strings.HasPrefix(line, "hang "):
		b.hang.Store(int64(duration))
		b.hangs.Store(count)
	default:
		return "UNKNOWN"
	}
	return "OK"
}

// hangsNow waits if it is this command's turn to hang.
func (b *behaviour) hangsNow() bool {
	if b.hangs.Load() <= 0 || b.hangs.Add(-1) < 0 {
		return false
	}
	time.Sleep(time.Duration(b.hang.Load()))
	return true
}

func serve(listener net.Listener, backend string) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("tcp", backend)
			if err != nil {
				return
			}
			defer server.Close()
			for command(client, server) == nil {
			}
		}()
	}
}

// command passes one message and the answer to it. A driver that waits for changes of the topology ("exhaust", awaitable
// hello) would hold the turn; FerretDB reports no topology version, so that no driver does.
func command(client, server net.Conn) error {
	message, err := receive(client)
	if err != nil {
		return err
	}
	if !isGreeting(message) {
		if mood.hangsNow() {
			return errors.New("hung")
		}
		time.Sleep(time.Duration(mood.delay.Load()))
		// A greeting does not wait: a server that is busy is not one that is away.
		turn.Lock()
		defer turn.Unlock()
	}
	if _, err := server.Write(message); err != nil {
		return err
	}
	if !answered(message) {
		return nil
	}
	answer, err := receive(server)
	if err != nil {
		return err
	}
	_, err = client.Write(answer)
	return err
}

// isGreeting tells whether a driver looks for the server with it, from a connection of its own: OP_QUERY, or an OP_MSG whose
// first field says so.
func isGreeting(message []byte) bool {
	const opMsg, name = 2013, 26
	if len(message) < name || binary.LittleEndian.Uint32(message[12:]) != opMsg {
		return true
	}
	command, _, _ := bytes.Cut(message[name:], []byte{0})
	return bytes.EqualFold(command, []byte("hello")) || bytes.EqualFold(command, []byte("isMaster"))
}

// answered tells whether an answer follows: not after an OP_MSG with the flag moreToCome.
func answered(message []byte) bool {
	const opMsg, moreToCome = 2013, 1 << 1
	return len(message) < 20 || binary.LittleEndian.Uint32(message[12:]) != opMsg ||
		binary.LittleEndian.Uint32(message[16:])&moreToCome == 0
}

func receive(from net.Conn) ([]byte, error) {
	var header [4]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(header[:])
	if length < 16 || length > maxMessage {
		return nil, fmt.Errorf("a message of %d bytes", length)
	}
	message := make([]byte, length)
	copy(message, header[:])
	_, err := io.ReadFull(from, message[4:])
	return message, err
}
