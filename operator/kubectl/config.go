package kubectl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/dynamic"

	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// lastApplied is what kubectl apply remembers of an object; it is not true of the next version.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// configSet makes the next version of a ConfigMap or Secret, and names it in the Deployments that name the one before.
type configSet struct {
	kind         workload.ConfigKind
	name         string
	files, texts []string
	deployment   string
	dryRun       bool

	set      map[string][]byte
	resource schema.GroupVersionResource
	naming   []string // Deployments that name the version before
	held     []string // those of them that Stagger holds
}

func newConfig(w World, flags *genericclioptions.ConfigFlags) *cobra.Command {
	parent := &cobra.Command{
		Use:   "config",
		Short: "Release a change of configuration step by step",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	s := &configSet{}
	c := &cobra.Command{
		Use:   "set <configmap> | secret/<secret>",
		Short: "Make the next version of a ConfigMap or Secret, and release it step by step",
		Long: "Make the next version of a ConfigMap or Secret under a name of its own, and name it in the Deployments that name the one\n" +
			"before. That changes their pod templates, so that it goes out step by step as a new image does. What is changed in place\n" +
			"reaches every pod at once; the label stagger.dev/config: held refuses that. The version before stays, to go back to.",
		Example: "  kubectl stagger config set checkout --from-file=limits.yaml\n" +
			"  kubectl stagger config set secret/checkout --from-file=token=new-token.txt --dry-run",
		RunE: func(c *cobra.Command, args []string) error {
			if err := s.read(args); err != nil {
				return err
			}
			cluster, err := connect(flags)
			if err != nil {
				return err
			}
			return s.run(c.Context(), cluster, w)
		},
	}
	c.Flags().StringArrayVar(&s.files, "from-file", nil, "a file whose content becomes the value of its name, or of key=file")
	c.Flags().StringArrayVar(&s.texts, "from-literal", nil, "key=value")
	c.Flags().StringVar(&s.deployment, "deployment", "", "the only Deployment to change; without it all that name the version before")
	c.Flags().BoolVar(&s.dryRun, "dry-run", false, "say what would be done, and write nothing")
	parent.AddCommand(c)
	return parent
}

// read takes the arguments and the files.
func (s *configSet) read(args []string) error {
	if len(args) != 1 {
		return errors.New("config set needs the name of one ConfigMap or Secret: kubectl stagger config set checkout --from-file=limits.yaml")
	}
	kind, name, typed := strings.Cut(args[0], "/")
	s.kind, s.name = workload.ConfigMap, args[0]
	if typed {
		s.name = name
		switch kind {
		case "configmap", "configmaps", "cm":
		case "secret", "secrets":
			s.kind = workload.Secret
		default:
			return fmt.Errorf("%q is neither a ConfigMap nor a Secret; write configmap/%s or secret/%s", args[0], name, name)
		}
	}
	s.resource = schema.GroupVersionResource{Version: "v1", Resource: map[workload.ConfigKind]string{workload.ConfigMap: "configmaps", workload.Secret: "secrets"}[s.kind]}
	s.set = map[string][]byte{}
	for _, file := range s.files {
		key, path, named := strings.Cut(file, "=")
		if !named {
			key, path = filepath.Base(file), file
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("--from-file=%s: %w", file, err)
		}
		s.set[key] = content
	}
	for _, text := range s.texts {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return fmt.Errorf("--from-literal=%s must be key=value", text)
		}
		s.set[key] = []byte(value)
	}
	if len(s.set) == 0 {
		return errors.New("nothing is to be changed; give --from-file=[key=]file or --from-literal=key=value")
	}
	return nil
}

func (s *configSet) run(ctx context.Context, c cluster, w World) error {
	old, err := c.client.Resource(s.resource).Namespace(c.namespace).Get(ctx, s.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("no %s named %s is in %s; list those there are with: kubectl get %s -n %s", s.kind, s.name, where(c.namespace), s.resource.Resource, c.namespace)
	}
	if err != nil {
		return fmt.Errorf("getting %s %s: %w", s.kind, s.name, err)
	}
	next, err := s.next(old)
	if err != nil {
		return err
	}
	patches, err := s.patches(ctx, c, next.GetName())
	if err != nil {
		return err
	}
	if !s.dryRun {
		if err := s.write(ctx, c, next, patches); err != nil {
			return err
		}
	}
	return s.tell(c, w, next.GetName(), patches)
}

// next is the version that is to be made: the data of the one before with what was given.
func (s *configSet) next(old *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	data, err := s.dataOf(old)
	if err != nil {
		return nil, err
	}
	before := maps.Clone(data)
	maps.Copy(data, s.set)
	if maps.EqualFunc(before, data, func(a, b []byte) bool { return string(a) == string(b) }) {
		return nil, fmt.Errorf("%s %s has these values already, so there is nothing to release", s.kind, s.name)
	}
	base := old.GetName()
	if of := old.GetAnnotations()[workload.ConfigOfAnnotation]; of != "" {
		base = of
	}
	meta := metav1.ObjectMeta{Namespace: old.GetNamespace(), Name: workload.ConfigVersion(base, data), Labels: old.GetLabels(), Annotations: old.GetAnnotations()}
	if meta.Labels == nil {
		meta.Labels = map[string]string{}
	}
	if meta.Annotations == nil {
		meta.Annotations = map[string]string{}
	}
	meta.Labels[workload.ConfigLabel] = workload.ConfigHeld
	meta.Annotations[workload.ConfigOfAnnotation] = base
	delete(meta.Annotations, lastApplied)
	immutable := true
	var object any
	if s.kind == workload.Secret {
		kind, _, _ := unstructured.NestedString(old.Object, "type") // without one it is Opaque
		object = &corev1.Secret{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: meta, Immutable: &immutable, Data: data, Type: corev1.SecretType(kind)}
	} else {
		m := &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: meta, Immutable: &immutable, Data: map[string]string{}, BinaryData: map[string][]byte{}}
		binary, _, _ := unstructured.NestedMap(old.Object, "binaryData") // without any there is none to keep
		for key, value := range data {
			if _, was := binary[key]; !was && utf8.Valid(value) {
				m.Data[key] = string(value)
			} else {
				m.BinaryData[key] = value
			}
		}
		object = m
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("making %s %s: %w", s.kind, meta.Name, err)
	}
	return &unstructured.Unstructured{Object: fields}, nil
}

func (s *configSet) dataOf(old *unstructured.Unstructured) (map[string][]byte, error) {
	data := map[string][]byte{}
	if s.kind == workload.Secret {
		var secret corev1.Secret
		err := runtime.DefaultUnstructuredConverter.FromUnstructured(old.Object, &secret)
		maps.Copy(data, secret.Data)
		return data, err
	}
	var m corev1.ConfigMap
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(old.Object, &m)
	maps.Copy(data, m.BinaryData)
	for key, value := range m.Data {
		data[key] = []byte(value)
	}
	return data, err
}

func (c cluster) deployments() dynamic.ResourceInterface {
	return c.client.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(c.namespace)
}

// patches are those of the Deployments that name the version before, by name.
func (s *configSet) patches(ctx context.Context, c cluster, to string) (map[string]patch.Patch, error) {
	list, err := c.deployments().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing Deployments: %w", err)
	}
	all := map[string]patch.Patch{}
	for i := range list.Items {
		var d appsv1.Deployment
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &d); err != nil {
			return nil, fmt.Errorf("reading Deployment %s: %w", list.Items[i].GetName(), err)
		}
		p := workload.RenameConfig(&d.Spec.Template, s.kind, s.name, to)
		if len(p) == 0 {
			continue
		}
		s.naming = append(s.naming, d.Name)
		if s.deployment == "" || s.deployment == d.Name {
			all[d.Name] = p
		}
		if d.Labels[workload.HeldLabel] == "true" {
			s.held = append(s.held, d.Name)
		}
	}
	switch {
	case len(s.naming) == 0:
		return nil, fmt.Errorf("no Deployment in %s names %s %s, so nothing would be released; name it in one first", where(c.namespace), s.kind, s.name)
	case len(all) == 0:
		return nil, fmt.Errorf("the Deployment %s does not name %s %s; these do: %s", s.deployment, s.kind, s.name, strings.Join(s.naming, ", "))
	}
	return all, nil
}

func (s *configSet) write(ctx context.Context, c cluster, next *unstructured.Unstructured, patches map[string]patch.Patch) error {
	_, err := c.client.Resource(s.resource).Namespace(c.namespace).Create(ctx, next, metav1.CreateOptions{FieldManager: fieldManager})
	if err != nil && !apierrors.IsAlreadyExists(err) { // what has the name has the data
		return fmt.Errorf("making %s %s: %w", s.kind, next.GetName(), err)
	}
	for _, name := range slices.Sorted(maps.Keys(patches)) {
		body, err := json.Marshal(patches[name])
		if err != nil {
			return fmt.Errorf("encoding the patch: %w", err)
		}
		_, err = c.deployments().Patch(ctx, name, types.JSONPatchType, body, metav1.PatchOptions{FieldManager: fieldManager})
		if raced(err) {
			return fmt.Errorf("the Deployment %s was changed meanwhile, so it was left as it is; say it again", name)
		}
		if err != nil {
			return fmt.Errorf("naming %s %s in Deployment %s: %w", s.kind, next.GetName(), name, err)
		}
	}
	return nil
}

func (s *configSet) tell(c cluster, w World, next string, patches map[string]patch.Patch) error {
	names := slices.Sorted(maps.Keys(patches))
	done := "is made, and named by"
	if s.dryRun {
		done = "would be made, and named by"
	}
	if err := write(w.Streams.Out, fmt.Sprintf("%s %s %s Deployment %s instead of %s\n", s.kind, next, done, strings.Join(names, ", "), s.name)); err != nil {
		return err
	}
	for _, name := range names {
		if !slices.Contains(s.held, name) {
			say(w.Streams.ErrOut, "Deployment %s is not held by Stagger, so all of its pods get it by a rollout of Kubernetes's own", name)
		}
	}
	if len(s.held) > 0 {
		say(w.Streams.ErrOut, "follow it with: kubectl stagger status -n %s", c.namespace)
	}
	return nil
}
