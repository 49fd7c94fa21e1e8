package agent

import (
	"encoding/binary"
	"log"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// grpc says whether the request is one of gRPC.
func grpc(r *http.Request) bool {
	return r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// grpcType says whether a request is one of gRPC by Istio's rule, which goes by its content type alone.
func grpcType(r *http.Request) bool {
	kind := r.Header.Get("Content-Type")
	return kind == "application/grpc" || strings.HasPrefix(kind, "application/grpc+")
}

// serveGRPC answers as a gRPC server does: messages, here one or as many as there are beats in ?hold=10s, and then the status as a trailer.
// The HTTP status is 200 whatever comes of it.
func (a *app) serveGRPC(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status")
	say := func() {
		if _, err := w.Write(frame([]byte(a.pod + " " + a.b.Version))); err != nil {
			log.Printf("Answering: %v", err)
		}
	}
	say()
	if hold, err := time.ParseDuration(r.URL.Query().Get("hold")); err == nil && !stream(w, r, hold, say) {
		return
	}
	w.Header().Set("Grpc-Status", strconv.Itoa(a.b.GRPCStatus))
}

// frame is a message as gRPC sends it: not compressed, its length, itself.
func frame(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}
