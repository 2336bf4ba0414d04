// Command forker is a service that misbehaves as its first argument says.
package main

import (
	"fmt"
	"log"
	"net/http"
	_ "net/http/pprof"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	mode := "serve"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	log.SetOutput(os.Stdout)
	switch mode {
	case "child":
		beChild()
		return
	case "panic":
		var table map[string]int
		table["x"] = 1
	case "exit":
		fmt.Println("no database: giving up")
		os.Exit(3)
	case "silent":
		time.Sleep(time.Hour)
	case "chatter":
		go chatter()
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	case "fork":
		fork()
	case "pprof-on-loopback":
		go http.ListenAndServe("127.0.0.1:6060", nil)
	case "kill-itself":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "port-lost":
		log.Fatalf("listen tcp %s: bind: address already in use", os.Getenv("ADDR"))
	}
	serve()
}

func serve() {
	http.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "fine") })
	http.HandleFunc("/slow-start", slowStart(time.Now().Add(300*time.Millisecond)))
	http.HandleFunc("/never", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "warming up", 503) })
	http.HandleFunc("/env", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, os.Getenv(r.URL.Query().Get("name")))
	})
	http.HandleFunc("/args", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Join(os.Args[1:], " ")) })
	http.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, r.URL.Query().Get("name")) })
	http.HandleFunc("/write", write)
	http.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) {
		time.AfterFunc(50*time.Millisecond, func() { panic("round two") })
	})
	http.HandleFunc("/kill", func(http.ResponseWriter, *http.Request) { syscall.Kill(os.Getpid(), syscall.SIGKILL) })
	log.Printf("listening on %s", os.Getenv("ADDR"))
	log.Fatal(http.ListenAndServe(os.Getenv("ADDR"), nil))
}

func slowStart(ready time.Time) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if time.Now().Before(ready) {
			http.Error(w, "starting", 503)
		}
	}
}

func write(w http.ResponseWriter, r *http.Request) {
	if err := os.WriteFile(r.URL.Query().Get("name"), []byte("x"), 0o600); err != nil {
		http.Error(w, err.Error(), 500)
	}
}

func chatter() {
	line := strings.Repeat("all work and no play ", 50)
	for i := 0; ; i++ {
		fmt.Println(i, line)
	}
}

// fork starts a child in this process group, one in a session of its own, and grandchildren that
// lose their parent: the hardest to find. Each notes its pid in the file that PIDS names.
func fork() {
	for _, depth := range []string{"0", "2"} {
		for _, session := range []bool{false, true} {
			command := exec.Command(os.Args[0], "child", depth)
			command.Stderr = os.Stderr
			command.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
			if err := command.Start(); err != nil {
				log.Fatal(err)
			}
		}
	}
}

func beChild() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	depth, _ := strconv.Atoi(os.Args[2])
	if depth > 0 {
		command := exec.Command(os.Args[0], "child", strconv.Itoa(depth-1))
		command.Stderr = os.Stderr
		command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := command.Start(); err != nil {
			log.Fatal(err)
		}
		return
	}
	file, err := os.OpenFile(os.Getenv("PIDS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(file, os.Getpid())
	time.Sleep(time.Hour)
}
