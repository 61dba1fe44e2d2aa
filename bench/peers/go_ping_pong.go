// Row 7 in Go, on one processor.
package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const slices = 15

var scale = 1.0
var wanted = map[string]bool{}

func end(descriptor int) net.Conn {
	file := os.NewFile(uintptr(descriptor), "pair")
	conn, err := net.FileConn(file)
	if err != nil {
		panic(err)
	}
	file.Close()
	return conn
}

func ping(stream net.Conn, rounds int, done chan<- bool) {
	defer stream.Close()
	sent := make([]byte, 64)
	got := make([]byte, 4096)
	for i := 0; i < rounds; i++ {
		for k := range sent {
			sent[k] = byte('a' + i%26)
		}
		stream.Write(sent)
		n, err := stream.Read(got)
		if err != nil || !bytes.Equal(got[:n], sent) {
			panic("what came back is not what was sent")
		}
	}
	done <- true
}

func pong(stream net.Conn) {
	defer stream.Close()
	got := make([]byte, 4096)
	for {
		n, err := stream.Read(got)
		if err != nil {
			return
		}
		stream.Write(got[:n])
	}
}

func measure(row string, pairs int, operations float64) {
	if len(wanted) > 0 && !wanted[row] {
		return
	}
	n := int(operations * scale / slices)
	rounds := n / pairs
	if rounds < 1 {
		rounds = 1
	}
	body := func() {
		done := make(chan bool)
		for i := 0; i < pairs; i++ {
			both, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
			if err != nil {
				panic(err)
			}
			go ping(end(both[0]), rounds, done)
			go pong(end(both[1]))
		}
		for i := 0; i < pairs; i++ {
			<-done
		}
	}
	body()
	figures := make([]float64, slices)
	for i := range figures {
		start := time.Now()
		body()
		figures[i] = float64(time.Since(start).Nanoseconds()) / float64(rounds*pairs)
	}
	sort.Float64s(figures)
	fmt.Printf("%s\t%.3f\n", row, figures[slices/2])
}

func main() {
	for _, argument := range os.Args[1:] {
		if strings.HasPrefix(argument, "--scale=") {
			scale, _ = strconv.ParseFloat(argument[len("--scale="):], 64)
		} else {
			wanted[argument] = true
		}
	}
	runtime.GOMAXPROCS(1)
	measure("ping_pong_1", 1, 3e5)
	measure("ping_pong_64", 64, 3e5)
}
