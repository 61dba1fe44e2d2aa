// Rows 2 to 4 in Go, on one processor. Row 1 has no counterpart there: a call that need not wait is a call.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
)

const slices = 15

var scale = 1.0
var wanted = map[string]bool{}

func wants(row string) bool { return len(wanted) == 0 || wanted[row] }

func measure(row string, operations float64, body func(n int)) {
	if !wants(row) {
		return
	}
	n := int(operations * scale / slices)
	if n < 1 {
		n = 1
	}
	body(n)
	figures := make([]float64, slices)
	for i := range figures {
		start := time.Now()
		body(n)
		figures[i] = float64(time.Since(start).Nanoseconds()) / float64(n)
	}
	sort.Float64s(figures)
	fmt.Printf("%s\t%.3f\n", row, figures[slices/2])
}

func yielder(n int, done chan<- bool) {
	for i := 0; i < n; i++ {
		runtime.Gosched()
	}
	done <- true
}

//go:noinline
func leaf(x int, result chan<- int) { result <- x + 1 }

func main() {
	for _, argument := range os.Args[1:] {
		if strings.HasPrefix(argument, "--scale=") {
			scale, _ = strconv.ParseFloat(argument[len("--scale="):], 64)
		} else {
			wanted[argument] = true
		}
	}
	runtime.GOMAXPROCS(1)
	measure("yield", 5e6, func(n int) {
		done := make(chan bool)
		go yielder(n/2, done)
		go yielder(n-n/2, done)
		<-done
		<-done
	})
	measure("spawn_join", 1.5e6, func(n int) {
		sum := 0
		result := make(chan int)
		for i := 0; i < n; i++ {
			go leaf(sum, result)
			sum = <-result
		}
	})
	measure("channel_128", 5e6, func(n int) {
		elements := make(chan int, 128)
		go func() {
			for i := 0; i < n; i++ {
				elements <- 1
			}
			close(elements)
		}()
		sum := 0
		for element := range elements {
			sum += element
		}
	})
}
