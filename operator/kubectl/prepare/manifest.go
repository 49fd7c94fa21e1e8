package prepare

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
		files, err := filesIn(name, recursive)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				return nil, err
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

// filesIn are a file itself, or the manifests of a folder, by name.
func filesIn(name string, recursive bool) ([]string, error) {
	about, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !about.IsDir() {
		return []string{name}, nil
	}
	var files []string
	err = filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != name && !recursive:
			return fs.SkipDir
		case !entry.IsDir() && slices.Contains(resource.FileExtensions, filepath.Ext(path)):
			files = append(files, path)
		}
		return nil
	})
	return files, err
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
		var content any
		switch err := yaml.Unmarshal(text, &content); {
		case err != nil:
			all = append(all, manifest{source: at, broken: "this is no YAML (" + oneLine(err) + "); mend it there"})
		case content == nil: // only comments
			n--
		case foreign(content):
			all = append(all, manifest{source: at})
		default:
			infos, err := resource.NewLocalBuilder().Unstructured().ContinueOnError().Flatten().Stream(bytes.NewReader(text), "it").Do().Infos()
			for _, m := range objectsOf(source, infos, err) {
				if all = append(all, m); m.broken != "" {
					all[len(all)-1].source = at
				}
			}
		}
	}
}

// foreign says whether a document is something else than an object of Kubernetes, such as the values of a chart.
func foreign(content any) bool {
	fields, is := content.(map[string]any)
	return !is || fields["kind"] == nil && fields["apiVersion"] == nil
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
