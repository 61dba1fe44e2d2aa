// Rows 8, 10 and 16 in Go, on one processor.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
)

var sum uint64

func compute() {
	for i := 0; i < 4000; i++ {
		sum = sum*6364136223846793005 + 1442695040888963407
	}
}

var room = 16384

func echo(stream net.Conn) {
	defer stream.Close()
	buffer := make([]byte, room)
	for {
		n, err := stream.Read(buffer)
		if err != nil {
			return
		}
		if _, err = stream.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("listening\t%d\n", listener.Addr().(*net.TCPAddr).Port)
	for _, argument := range os.Args[1:] {
		if argument == "--hold" {
			room = 64
		}
		if argument == "--busy" {
			go func() {
				for {
					compute()
					runtime.Gosched()
				}
			}()
		}
	}
	for {
		stream, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go echo(stream)
	}
}
