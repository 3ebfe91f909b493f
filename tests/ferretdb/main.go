// A MongoDB-compatible server for the tests: FerretDB with its SQLite backend, behind a proxy that passes one command at a time.
//
// FerretDB's SQLite backend reads, changes and writes a whole document without a lock, so that concurrent $addToSet
// can lose entries, which MongoDB never does. With one command at a time, what the tests see is the product.
//
// Usage: ferretdb [-port N] [-dir DIR]. Prints "PORT n" when ready, listens on loopback only, and exits when its
// standard input closes, so that it never outlives the test that started it.
package main

import (
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
	"sync"
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
	go serve(listener, backend)
	fmt.Printf("PORT %d\n", listener.Addr().(*net.TCPAddr).Port)

	// Whoever started this holds the other end; when they end, in whatever way, so does this.
	_, _ = io.Copy(io.Discard, os.Stdin)
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
	turn.Lock()
	defer turn.Unlock()
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
