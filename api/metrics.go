package api

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"proximity/core"
)

// metrics are the figures Prometheus asks for. Their labels are bounded: by
// the program's routes, by the kinds of jobs, by the hosts that are connected.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
}

func newMetrics(c Core) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "proximity_http_requests_total", Help: "HTTP requests by route and status."}, []string{"route", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "proximity_http_request_duration_seconds", Help: "How long HTTP requests took, by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}}, []string{"route"}),
	}
	m.registry.MustRegister(m.requests, m.took, installation{c}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// answered counts a request.
func (m *metrics) answered(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.took.WithLabelValues(route).Observe(took.Seconds())
}

// installation collects what core measures, when it is asked.
type installation struct{ core Core }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("proximity_"+name, help, labels, nil)
}

// Describe announces nothing: what there is depends on what runs.
func (installation) Describe(chan<- *prometheus.Desc) {}

// Collect reads the figures of the moment.
func (i installation) Collect(out chan<- prometheus.Metric) {
	m := i.core.Measures()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(desc("info", "The version that runs.", "version"), 1, core.Version)
	apps := desc("apps", "Apps by status.", "status")
	for _, s := range core.AppStatuses() {
		gauge(apps, float64(m.Apps[s]), string(s))
	}
	jobs := desc("jobs", "Unfinished jobs by kind and state.", "kind", "state")
	for sort, n := range m.Live {
		gauge(jobs, float64(n), sort.Kind, sort.State)
	}
	ended := desc("job_duration_seconds", "Jobs that ended since the start, from their request to their end, by kind and state.", "kind", "state")
	for sort, d := range m.Ended {
		upto := map[float64]uint64{}
		for i, limit := range core.JobBuckets() {
			upto[limit] = d.Upto[i]
		}
		out <- prometheus.MustNewConstHistogram(ended, d.Count, d.Sum, upto, sort.Kind, sort.State)
	}
	up := desc("host_up", "Whether a Proxmox host answers.", "host")
	poll := desc("host_poll_seconds", "How long the last poll of a host took.", "host")
	online := desc("host_nodes_online", "Nodes of a host that are online.", "host")
	nodes := desc("host_nodes", "Nodes of a host.", "host")
	for _, h := range m.Hosts {
		answers := 0.0
		if h.Online {
			answers = 1
		}
		gauge(up, answers, h.Name)
		gauge(poll, h.Poll.Seconds(), h.Name)
		gauge(online, float64(h.NodesOnline), h.Name)
		gauge(nodes, float64(h.Nodes), h.Name)
	}
	sessions := desc("sessions", "Open sessions: consoles, all of SSH, logins of the API.", "kind")
	gauge(sessions, float64(m.Consoles), "console")
	gauge(sessions, float64(m.Sessions), "ssh")
	gauge(sessions, float64(m.Logins), "api")
}

// metricsLog is what the collectors complain to.
type metricsLog struct{ log *slog.Logger }

func (l metricsLog) Println(v ...any) {
	l.log.Error("collect the figures for Prometheus", "error", fmt.Sprint(v...))
}
