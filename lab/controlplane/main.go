// Copyright (c) 2026, the kubedr.ontap authors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Command controlplane is a Kubernetes control plane in one binary, for the lab: etcd, kube-apiserver and kube-controller-manager as subcommands.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

const startLimit = time.Minute

func main() {
	if len(os.Args) < 2 {
		fail("usage: controlplane etcd|apiserver|controller-manager [flags]")
	}
	part := os.Args[1]
	os.Args = append([]string{"kube-" + part}, os.Args[2:]...)
	switch part {
	case "etcd":
		runEtcd()
	case "apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "controller-manager":
		os.Exit(cli.Run(manager.NewControllerManagerCommand()))
	default:
		fail("unknown part " + part)
	}
}

// runEtcd serves one member on loopback. It does not fsync: a lab's state is worth no disk time. The settings go through a file, whose keys
// are those of every etcd since 3.5; the fields of embed.Config were renamed on the way.
func runEtcd() {
	dir := flag.String("data-dir", "", "folder of the store")
	client := flag.String("client-url", "", "URL that clients use")
	peer := flag.String("peer-url", "", "URL that peers would use")
	flag.Parse()
	settings, err := json.Marshal(map[string]any{
		"name": "default", "data-dir": *dir, "listen-client-urls": *client, "advertise-client-urls": *client, "listen-peer-urls": *peer,
		"initial-advertise-peer-urls": *peer, "initial-cluster": "default=" + *peer, "unsafe-no-fsync": true, "log-level": "warn",
	})
	check(err)
	file := *dir + ".json"
	check(os.WriteFile(file, settings, 0o600))
	cfg, err := embed.ConfigFromFile(file)
	check(err)
	server, err := embed.StartEtcd(cfg)
	check(err)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	select {
	case <-server.Server.ReadyNotify():
	case <-time.After(startLimit):
		fail("etcd took longer than a minute to start")
	}
	select {
	case <-stop:
		server.Close()
	case err := <-server.Err():
		fail(err.Error())
	}
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(text string) {
	fmt.Fprintln(os.Stderr, text)
	os.Exit(1)
}
