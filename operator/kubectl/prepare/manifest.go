package prepare

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/cli-runtime/pkg/resource"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
)

// manifest is one object of a file, or what keeps a document of it from being one.
type manifest struct {
	source string
	object *unstructured.Unstructured // nil for a document that is no object
	// broken says why the document cannot be read; "" for one of something else than Kubernetes, such as the values of a chart.
	broken string
}

// readManifests reads all documents of files, folders, addresses, and "-", which is the standard input. One that is broken does not keep the
// others from being read.
func readManifests(env cli.Env, names []string, recursive bool) ([]manifest, error) {
	var all []manifest
	for _, name := range names {
		if strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://") {
			infos, err := resource.NewLocalBuilder().Unstructured().ContinueOnError().Flatten().
				FilenameParam(false, &resource.FilenameOptions{Filenames: []string{name}}).Do().Infos()
			if err != nil && len(infos) == 0 {
				return nil, err
			}
			all = append(all, objectsOf(name, infos, err)...)
			continue
		}
		if name == "-" {
			found, err := documents("the standard input", env.Streams.In)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
			continue
		}
		for _, file := range filesIn(name, recursive) {
			content, err := os.ReadFile(file)
			if err != nil {
				all = append(all, manifest{source: file, broken: unreadable(err)})
				continue
			}
			found, err := documents(file, bytes.NewReader(content))
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	if !slices.ContainsFunc(all, func(m manifest) bool { return m.object != nil || m.broken != "" }) {
		return nil, fmt.Errorf("no object is in %s", strings.Join(names, ", "))
	}
	return all, nil
}

// filesIn are a file itself, whether it is there or not, or the manifests of a folder, by name.
func filesIn(name string, recursive bool) []string {
	if about, err := os.Stat(name); err != nil || !about.IsDir() {
		return []string{name}
	}
	var files []string
	_ = filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil: // whoever reads it meets the same
			files = append(files, path)
		case entry.IsDir() && path != name && !recursive:
			return fs.SkipDir
		case !entry.IsDir() && slices.Contains(resource.FileExtensions, filepath.Ext(path)):
			files = append(files, path)
		}
		return nil
	})
	return files
}

// unreadable says why a file cannot be read.
func unreadable(err error) string {
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file, or it is a link to one that is not there"
	case errors.As(err, &at):
		err = at.Err
	}
	return "it cannot be read (" + oneLine(err) + ")"
}

// documents are those of one file.
func documents(source string, from io.Reader) ([]manifest, error) {
	var all []manifest
	reader := utilyaml.NewYAMLReader(bufio.NewReader(from))
	for n := 1; ; n++ {
		text, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", source, err)
		}
		at := source
		if n > 1 {
			at = fmt.Sprintf("%s, document %d", source, n)
		}
		values, err := valuesOf(text)
		if err != nil {
			all = append(all, manifest{source: at, broken: noYAML(text, err)})
			continue
		}
		empty := true
		for _, value := range values {
			if value == nil { // only comments
				continue
			}
			empty = false
			for _, m := range flattened(value) {
				if m.source = source; m.object == nil {
					m.source = at
				}
				all = append(all, m)
			}
		}
		if empty {
			n--
		}
	}
}

// valuesOf are those of one document: one in YAML, or any number of JSON after one another. A key that is set twice is an error, for all but
// one would be dropped without a word.
func valuesOf(text []byte) ([]any, error) {
	parts := [][]byte{text}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		if found, err := jsonIn(text); err == nil {
			parts = found
		}
	}
	var all []any
	for _, part := range parts {
		if err := wholeYAML(part); err != nil {
			return nil, err
		}
		data, err := yaml.YAMLToJSONStrict(part)
		if err != nil {
			return nil, err
		}
		var value any
		if err := utiljson.Unmarshal(data, &value); err != nil {
			return nil, err
		}
		all = append(all, value)
	}
	return all, nil
}

func jsonIn(text []byte) ([][]byte, error) {
	var all [][]byte
	for decoder := json.NewDecoder(bytes.NewReader(text)); ; {
		var one json.RawMessage
		if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
}

var errFollows = errors.New("something follows after the end of the document: begin every object with a line of ---")

// wholeYAML is an error when a parser that takes the first document would leave something of the text out.
func wholeYAML(text []byte) error {
	var node yamlv3.Node
	decoder := yamlv3.NewDecoder(bytes.NewReader(text))
	first := decoder.Decode(&node) // what is wrong with it the conversion says better
	if first == nil && !errors.Is(decoder.Decode(&node), io.EOF) {
		return errFollows
	}
	return nil
}

// noYAML says what is wrong with a text that cannot be read.
func noYAML(text []byte, err error) string {
	said := strings.TrimPrefix(oneLine(err), "error converting YAML to JSON: ")
	twice, isTwice := strings.CutSuffix(strings.TrimPrefix(said, "yaml: unmarshal errors: "), " already set in map")
	switch {
	case bytes.Contains(text, []byte("{{")):
		return "this is a template: give what is rendered of it, as by helm template (" + said + ")"
	case errors.Is(err, errFollows):
		return said
	case isTwice:
		return twice + " is set twice: keep one"
	}
	return "this is no YAML (" + said + "); mend it there"
}

// flattened are the objects of a value: of a list, each of its items.
func flattened(value any) []manifest {
	fields, is := value.(map[string]any)
	kind, _ := fields["kind"].(string)
	items, list := fields["items"]
	switch {
	case !is || fields["kind"] == nil && (fields["apiVersion"] == nil || fields["metadata"] == nil && fields["spec"] == nil):
		return []manifest{{}} // something else, such as the values of a chart
	case !list || !strings.HasSuffix(kind, "List"):
		return []manifest{objectOf(fields)}
	case items == nil:
		return nil
	}
	each, is := items.([]any)
	if !is {
		return []manifest{{broken: "items of " + kind + " must be a list"}}
	}
	var all []manifest
	for i, item := range each {
		content, is := item.(map[string]any)
		if !is {
			all = append(all, manifest{broken: fmt.Sprintf("items[%d] of %s is no object", i, kind)})
			continue
		}
		if of := strings.TrimSuffix(kind, "List"); of != "" && content["kind"] == nil {
			content["kind"], content["apiVersion"] = of, cmp.Or(content["apiVersion"], fields["apiVersion"])
		}
		all = append(all, flattened(content)...)
	}
	return all
}

// objectOf is an object, when what every object has is of the right types.
func objectOf(fields map[string]any) manifest {
	for _, name := range []string{"apiVersion", "kind"} {
		switch value, is := fields[name].(string); {
		case fields[name] == nil || is && value == "":
			return manifest{broken: name + " is missing: add it"}
		case !is:
			return manifest{broken: fmt.Sprintf("%s is %v, which is no text: put it in quotes if it is right", name, fields[name])}
		}
	}
	metadata, is := fields["metadata"].(map[string]any)
	if !is && fields["metadata"] != nil {
		return manifest{broken: "metadata must have fields, such as name"}
	}
	if said := mistyped(metadata); said != "" {
		return manifest{broken: said}
	}
	return manifest{object: &unstructured.Unstructured{Object: fields}}
}

// mistyped says what of an object's metadata is not of the right type; "" when all is.
func mistyped(metadata map[string]any) string {
	for _, name := range []string{"name", "namespace", "generateName"} {
		if _, is := metadata[name].(string); !is && metadata[name] != nil {
			return fmt.Sprintf("metadata.%s is %v, which is no text: put it in quotes", name, metadata[name])
		}
	}
	for _, name := range []string{"annotations", "labels"} {
		values, is := metadata[name].(map[string]any)
		if !is && metadata[name] != nil {
			return "metadata." + name + " must have a line for each key"
		}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if _, is := values[key].(string); !is {
				return fmt.Sprintf("metadata.%s: %s is %v, which is no text: put it in quotes", name, key, values[key])
			}
		}
	}
	return ""
}

// objectsOf are the objects of a document, and what could not be read of it.
func objectsOf(source string, infos []*resource.Info, err error) []manifest {
	var all []manifest
	for _, info := range infos {
		if o, is := info.Object.(*unstructured.Unstructured); is {
			all = append(all, manifest{source: source, object: o})
		}
	}
	if err != nil {
		all = append(all, manifest{source: source, broken: oneLine(err)})
	}
	return all
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
